"""Names and globs say what there is, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.core import Problem
from semreg.store.names import folder_of, in_zoo, name_of, named, zoo_names

KNOWN = {"vae-1": 1, "vae-2": 2, "gm-1": 3, "odd[1]": 4}


def test_names_and_globs_choose_each_once_in_their_order() -> None:
    problems: list[Problem] = []
    assert named(["gm-1", "*-1", "vae-*"], KNOWN, "run", problems) == [3, 1, 2]
    assert named(["odd[1]"], KNOWN, "run", problems) == [4], "a name may look like a glob"
    assert named([], KNOWN, "run", problems) == []
    assert not problems


def test_what_is_nothing_is_said_with_what_is_near() -> None:
    problems: list[Problem] = []
    assert named(["vae1", "x*", "vae-2"], KNOWN, "run in runs", problems) == [2]
    assert [one.where for one in problems] == ["vae1", "x*"]
    assert problems[0].message.startswith("is not a run in runs; did you mean 'vae-1'")
    assert problems[1].message.startswith("matches no run in runs; expected one of: gm-1, ")


def test_a_run_is_found_by_its_folder_or_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    (runs / "a").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path)
    for given, found in (
        ("a", runs / "a"),
        ("b", Path("b")),
        (runs / "a", runs / "a"),
        ("runs/a", Path("runs/a")),
        ("gone", runs / "gone"),
        ("elsewhere/gone", Path("elsewhere/gone")),
    ):
        assert folder_of(Path(given), runs) == found
    (tmp_path / "a").mkdir()
    assert folder_of(Path("a"), runs) == Path("a"), "what is here counts first"


def test_a_shipped_run_is_named_as_it_is_opened(tmp_path: Path) -> None:
    for name in zoo_names():
        assert name_of(in_zoo(Path(name))) == name
    assert name_of(tmp_path / "zoo" / "olr_faces") == str(tmp_path / "zoo" / "olr_faces")
