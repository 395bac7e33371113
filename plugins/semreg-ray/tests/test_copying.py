"""Folders of runs that are packed and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
from semreg_ray.copying import checkpoints, packed, placed, sent, unpack


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def held(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_it_becomes_what_was_packed_and_keeps_its_locks(tmp_path: Path) -> None:
    here = written(tmp_path / "here", checkpoints__2__state="2", log="longer", trials__log="said")
    (here / ".lock").touch()
    (here / ".log.1.part").touch()
    there = written(tmp_path / "there", checkpoints__1__state="1", log="log")
    (there / "trials").mkdir()
    (there / "trials/one.lock").touch()
    unpack(packed(here), there)
    assert held(there) == {"checkpoints/2/state": "2", "log": "longer", "trials/log": "said", "trials/one.lock": ""}
    unpack(packed(here), there)  # again, as at the end of a run
    assert checkpoints(there) == {"2"}


def test_a_checkpoint_that_is_being_written_is_none(tmp_path: Path) -> None:
    folder = written(tmp_path, checkpoints__1__state="1", checkpoints__part__state="2")
    assert checkpoints(folder) == {"1"}
    unpack(packed(folder), tmp_path / "there")
    assert held(tmp_path / "there") == {"checkpoints/1/state": "1"}
    assert checkpoints(tmp_path / "missing") == set()


def test_arguments_name_the_copy(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    folder = written(out / "one", trials__one="recipe", checkpoints__1__state="1")
    given = ["run", f"{folder}/trials/one", "--out", str(out), "--data-root", f"{out}-data", "--threads", "1"]
    with placed(sent(folder), given, f"{folder}/trials/log") as (copy, moved, log):
        here = copy.parent
        assert moved == [
            "run",
            f"{copy}/trials/one",
            "--out",
            str(here),
            "--data-root",
            f"{out}-data",
            "--threads",
            "1",
        ]
        assert log == f"{copy}/trials/log"
        assert held(copy) == held(folder)
    assert not here.exists()


def test_what_is_removed_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, checkpoints__1__state="1")
    monkeypatch.setattr("semreg_ray.copying.checkpoints", lambda folder: {"1", "2"})
    with pytest.raises(FileNotFoundError):
        packed(folder)
