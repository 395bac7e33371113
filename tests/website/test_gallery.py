"""The gallery: each entry's picture, command and data come from a run's folder; what is kept is small and all there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PIL import Image

from semreg.core import UserError
from tests.docs.commands import commands, mistake
from website.gallery import ENTRIES, PAGE, PICTURES, command_of, folder_of, in_columns, place_of, titled, written
from website.tree import LINK, ROOT

MOST_BYTES = 3_000_000


def test_the_page_has_every_entry_with_its_picture() -> None:
    text = PAGE.read_text()
    shown = [link for link in LINK.findall(text) if link.endswith(".webp")]
    entries = tomllib.loads(ENTRIES.read_text())["entry"]
    assert [f"## {entry['title']}" for entry in entries] == [line for line in text.splitlines() if line[:3] == "## "]
    assert {PAGE.parent / one for one in shown} == {*PICTURES.iterdir()}
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < MOST_BYTES
    for path in PICTURES.iterdir():
        Image.open(path).verify()


def test_pages_show_the_figures() -> None:
    figures = tomllib.loads(ENTRIES.read_text())["figure"]
    shown = {link for page in (ROOT / "docs").glob("*.md") for link in LINK.findall(page.read_text())}
    assert {figure["file"] for figure in figures} <= shown


def test_its_commands_are_commands() -> None:
    told = [line.partition("`")[2].rstrip("`") for line in PAGE.read_text().splitlines() if line.startswith("* seed ")]
    assert told
    for text in told:
        [words] = commands(text)
        assert mistake(words, "") is None


def test_an_entry_is_what_its_run_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("website.gallery.PICTURES", tmp_path)
    entry = {"run": "zoo:olr_faces", "evaluation": "editing", "file": "strip.png", "title": "Faces", "says": "They."}
    text = "".join(written(entry, folder_of("zoo:olr_faces", [])))
    assert "![Faces](gallery/olr_faces_editing.webp)\n\nThey.\n" in text
    assert "* found: " in text
    assert "seen by an independent classifier in 92.8%" in text
    assert "`make zoo`" in text
    assert (tmp_path / "olr_faces_editing.webp").stat().st_size > 1000


def test_pictures_of_a_row_are_equally_high() -> None:
    images = [Image.new("RGB", size, "red") for size in ((20, 10), (40, 40), (10, 5))]
    whole = in_columns(images, 2, gap=2)
    assert whole.size == (20 + 2 + 10, 10 + 2 + 5)
    assert whole.getpixel((21, 0)) == (255, 255, 255)
    assert whole.getpixel((31, 9)) == whole.getpixel((9, 16)) == (255, 0, 0)
    assert titled(images[0], "a title").height > titled(images[0], "").height == 10


def test_folders_of_the_machine_are_left_out() -> None:
    record = {"command": "semreg run recipes/a.toml --seed 1 --out /x/y --data-root /z --threads 1 --no-fallback"}
    assert command_of(record) == "semreg run recipes/a.toml --seed 1 --no-fallback"


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run"):
        folder_of("gm-0", [tmp_path])
    assert place_of("editing", ROOT / "semreg" / "zoo" / "olr_faces").is_dir()
