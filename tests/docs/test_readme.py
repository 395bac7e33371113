"""README.md: short, with a small picture that moves, and true to what the commands that it shows print."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from semreg import load_recipe
from semreg.recipe.check import check
from semreg.recipe.matrix import text
from tests.docs.pages import ROOT, blocks

README = (ROOT / "README.md").read_text()


def test_it_is_read_in_two_minutes() -> None:
    assert len(README.splitlines()) <= 150


def test_its_picture_moves_and_is_small() -> None:
    [command] = re.findall(r"^semreg interpolate .*--steps (\d+) .*--out (\S+)$", README, re.MULTILINE)
    steps, path = int(command[0]), ROOT / command[1]
    assert f"]({command[1]})" in README
    assert path.stat().st_size <= 1_500_000
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == steps


def test_check_prints_its_table(tmp_path: Path) -> None:
    [shown] = re.findall(r"^\$ semreg check gm_mnist +# in part\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert shown in text(check(load_recipe("gm_mnist"), data_root=tmp_path, fallback=True))


def test_its_mix_is_the_shipped_one() -> None:
    [mix] = [block for language, block in blocks("../README.md") if language == "toml"]
    written, shipped = load_recipe(mix).resolve(), load_recipe("atnl_gm_mnist").resolve()
    assert written["losses"] == shipped["losses"]
    assert written["phases"] == shipped["phases"]


def test_it_quotes_what_the_kills_printed() -> None:
    [quoted] = re.findall(r"\d+ kills, \d+ differed", README)
    assert quoted in (ROOT / "benchmarks" / "kills.md").read_text()
