"""Runs are removed whole or not at all, none that is under way, none that others use, and nothing that is no run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from semreg.core import UserError
from semreg.core.errors import CannotWrite
from semreg.store import disk
from semreg.store.disk import tidy
from semreg.store.folder import RunIsBusy
from semreg.store.record import runs_in
from semreg.store.removing import doomed_runs, remove_run
from tests.store.conftest import make_run


def refused(*names: str, runs: Path, force: bool = False) -> str:
    before = sorted(runs.rglob("*"))
    with pytest.raises(UserError) as error:
        doomed_runs(names, runs, force=force)
    assert sorted(runs.rglob("*")) == before
    return error.value.text()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A judge `j`, the run `r` that it judges, one `w` that began with its weights, and one by itself."""
    out = tmp_path / "runs"
    make_run(out, "j-1")
    make_run(out, "r-1", judges={"verdict": "j" * 8})
    make_run(out, "w-1", training={"modules": {"encoder": {"weights": ["r" * 8, "encoder"]}}})
    make_run(out, "o-1")
    return out


def test_names_paths_and_globs(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.folder for one in doomed_runs(["o-1", str(runs / "o-1"), "o*"], runs)] == [runs / "o-1"]
    monkeypatch.chdir(runs.parent)
    [one] = doomed_runs(["runs/o-1/"], Path("runs"))
    assert one.size == sum(path.stat().st_size for path in (runs / "o-1").rglob("*") if path.is_file()) > 100


@pytest.mark.parametrize("name", ["..", ".", "", "/etc", "../runs", "/", "o-1/evaluations", "plain"])
def test_what_is_no_run_there_is_refused(runs: Path, name: str) -> None:
    (runs / "plain").mkdir()
    (runs / "plain" / "precious").touch()
    said = refused("o-1", name, runs=runs)
    assert "is not a run in" in said or "is not in" in said


def test_a_run_that_others_use_is_refused_unless_they_go_too(runs: Path) -> None:
    said = refused("j-1", "r-1", runs=runs)
    assert "gave weights to module 'encoder' of w-1" in said
    assert "judges" not in said, "r-1 goes, too"
    assert "judges in evaluation 'verdict' of r-1" in refused("j-1", runs=runs)
    assert len(doomed_runs(["*"], runs)) == 4
    [forced] = doomed_runs(["j-1"], runs, force=True)
    assert forced.used == ("judges in evaluation 'verdict' of r-1",)


def test_one_under_way_is_refused_even_by_force(runs: Path) -> None:
    with FileLock(runs / "o-1" / ".lock"):
        assert "uses it" in refused("o-1", runs=runs, force=True)
        with pytest.raises(RunIsBusy):
            remove_run(runs / "o-1")
    assert (runs / "o-1" / "run.json").is_file()
    remove_run(runs / "o-1")
    assert sorted(os.listdir(runs)) == ["j-1", "r-1", "w-1"]


def test_one_that_another_machine_is_at_work_on_is_refused_until_its_lease_expires(runs: Path) -> None:
    lease = runs / "o-1" / ".lease"
    lease.write_text('{"host": "node7", "kernel": "another", "process": 12}')
    assert "uses it" in refused("o-1", runs=runs)
    os.utime(lease, (1, 1))
    (runs / "o-1" / "run.json").write_text("{")
    assert [one.folder.name for one in doomed_runs(["o-1"], runs)] == ["o-1"]


def test_one_that_a_grid_has_handed_on_is_refused_and_else_removed(runs: Path) -> None:
    for name in ("g-1", "o-1"):  # which is not begun yet, and which goes on
        trials = runs / name / "trials"
        trials.mkdir(parents=True)
        with FileLock(trials / "g.lock"):
            assert "a process uses it" in refused(name, runs=runs)
            with pytest.raises(RunIsBusy, match="a process uses it"):
                remove_run(runs / name)
        [one] = doomed_runs([name], runs)
        remove_run(one.folder)
        assert not (runs / name).exists()


def test_a_damaged_run_can_be_removed_and_what_may_be_no_run_cannot(runs: Path) -> None:
    (runs / "o-1" / "run.json").write_text("{")
    (runs / "o-1" / "report-other.html").touch()
    assert len(doomed_runs(["o-1"], runs)) == 1
    (runs / "o-1" / "thesis.tex").touch()
    assert "holds thesis.tex, which may be no run's" in refused("o-1", runs=runs, force=True)
    (runs / "link").symlink_to(runs / "r-1")
    assert "is a link" in refused("link", runs=runs)


KILLED = """
import os, sys
from pathlib import Path
from semreg.store import disk, removing
remove = disk._remove
def killed(path):
    if path.exists():
        os._exit(9)
    remove(path)
disk._remove = killed
removing.remove_run(Path(sys.argv[1]))
"""


def test_a_kill_leaves_no_half_run_and_the_next_command_tidies_up(runs: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(runs / "o-1")], check=False)
    assert ended.returncode == 9
    assert not (runs / "o-1").exists()
    [left] = runs.glob(".*.part")
    assert (left / "run.json").is_file()
    assert "o-1" not in {run.folder.name for run in runs_in(runs)}
    assert len(runs_in(runs)) == 3, "what is half removed is no run"
    tidy(runs)
    assert not left.exists()


def test_a_disk_that_refuses_is_told(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(disk.Path, "rename", rename)
    with pytest.raises(CannotWrite, match="Permission denied; fix this"):
        remove_run(runs / "o-1")
    assert (runs / "o-1" / "run.json").is_file()
