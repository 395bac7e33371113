"""The gallery: each entry's picture, command and data come from a run's folder; what is kept is small and all there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PIL import Image

from semreg.core import UserError
from tests.docs.commands import commands, mistake
from website.gallery import ENTRIES, PAGE, PICTURES, command_of, folder_of, place_of, written
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


def test_folders_of_the_machine_are_left_out() -> None:
    record = {"command": "semreg run recipes/a.toml --seed 1 --out /x/y --data-root /z --threads 1 --no-fallback"}
    assert command_of(record) == "semreg run recipes/a.toml --seed 1 --no-fallback"


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run"):
        folder_of("gm-0", [tmp_path])
    assert place_of("editing", ROOT / "semreg" / "zoo" / "olr_faces").is_dir()
