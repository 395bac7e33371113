"""Runs are brought into a tracker that there is, one after another; what it raises is told in a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import RecordedRun, UserError
from semreg.running.tracking import bring
from tests.conftest import Install

Register = Callable[[str, str, Any], None]


def bare_run(folder: Path) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text('{"name": "bare", "hash": "0a1b"}')
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The folder of a run that has only begun."""
    return bare_run(tmp_path / "bare-0a1b")


def test_each_run_is_told_to_the_tracker(register: Register, run_folder: Path) -> None:
    told: list[RecordedRun] = []
    register("tracker", "listing", lambda run: told.append(run) or "here")
    assert list(bring([run_folder, run_folder], "listing")) == [(run_folder, "here")] * 2
    assert [run.hash for run in told] == ["0a1b", "0a1b"]


def test_nothing_is_told_where_one_is_no_run(register: Register, run_folder: Path, tmp_path: Path) -> None:
    register("tracker", "never", lambda run: pytest.fail("told"))
    with pytest.raises(UserError) as refused:
        list(bring([run_folder, tmp_path / "gone", tmp_path], "never"))
    where = [problem.where for problem in refused.value.problems]
    assert where == [str(tmp_path / "gone"), str(tmp_path)]
    assert "holds no run" in refused.value.text()
    for folders, said in (([run_folder, tmp_path], "nothing is tracked: 1 error\n  "), ([tmp_path], "")):
        with pytest.raises(UserError) as refused:
            list(bring(folders, "never"))
        assert refused.value.text().startswith(f"{said}{tmp_path}")


def test_an_unknown_tracker_is_refused_with_what_was_meant(install: Install, run_folder: Path) -> None:
    install("semreg-shelf", {"semreg.trackers": {"shelf": "shelf:track"}})
    with pytest.raises(UserError) as refused:
        list(bring([run_folder], "shelve"))
    assert refused.value.text() == "--to: no tracker is called 'shelve'; did you mean 'shelf'?"


def test_one_that_is_switched_off_or_claimed_twice_is_named(
    install: Install, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("semreg-shelf", {"semreg.trackers": {"shelf": "shelf:track"}})
    with monkeypatch.context() as patch:
        patch.setenv("SEMREG_PLUGINS", "semreg-other")
        with pytest.raises(UserError, match=r"it is one of semreg-shelf 1.2, which SEMREG_PLUGINS switches off$"):
            list(bring([run_folder], "shelf"))
    install("semreg-other-shelf", {"semreg.trackers": {"shelf": "shelf:track"}})
    with pytest.raises(UserError, match=r"'shelf' is claimed by .* switch it off by SEMREG_PLUGINS$"):
        list(bring([run_folder], "shelf"))


@pytest.mark.parametrize("error", [RuntimeError("full"), SystemExit(3), KeyError("x")])
def test_a_tracker_that_fails_is_named_with_the_run(register: Register, run_folder: Path, error: BaseException) -> None:
    def failing(run: RecordedRun) -> str:
        raise error

    register("tracker", "failing", failing)
    with pytest.raises(UserError) as refused:
        list(bring([run_folder], "failing"))
    said = refused.value.text()
    assert said.startswith(f"{run_folder}: this process: its tracker 'failing' failed: ")
    assert str(error.args[0]) in said


def test_what_it_refuses_is_told_as_it_is_and_runs_before_are_there(
    register: Register, run_folder: Path, tmp_path: Path
) -> None:
    other = bare_run(tmp_path / "other")

    def picky(run: RecordedRun) -> str:
        if run.folder == other:
            raise UserError("shelf", "does not answer")
        return "there"

    register("tracker", "picky", picky)
    brought = bring([run_folder, other], "picky")
    assert next(brought) == (run_folder, "there")
    with pytest.raises(UserError, match=r"^shelf: does not answer$"):
        next(brought)
