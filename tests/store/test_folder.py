"""A run's folder: files whole or absent, logs cut back, one process at a time."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from semreg.core import UserError
from semreg.store.folder import RunFolder, RunIsBusy

NO_PROCESS = 99999999


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "runs" / "x", "x")
    folder.open()
    return folder


def test_logs_are_cut_back_to_a_checkpoint_and_warnings_stay(folder: RunFolder) -> None:
    folder.append("metrics.jsonl", {"iteration": 1})
    folder.append("own.jsonl", {"hook": 1})
    lengths = folder.log_lengths()
    folder.append("metrics.jsonl", {"iteration": 2})
    folder.append("later.jsonl", {"hook": 2})
    folder.warn("careful")
    folder.cut_logs(lengths)
    assert (folder.folder / "metrics.jsonl").read_text() == '{"iteration": 1}\n'
    assert (folder.folder / "own.jsonl").read_text() == '{"hook": 1}\n'
    assert (folder.folder / "later.jsonl").read_text() == ""
    assert "careful" in (folder.folder / "warnings.jsonl").read_text()


def test_a_log_shorter_than_at_the_checkpoint_is_not_padded(folder: RunFolder) -> None:
    folder.append("metrics.jsonl", {"iteration": 1})
    folder.cut_logs({"metrics.jsonl": 10_000})
    assert (folder.folder / "metrics.jsonl").read_text() == '{"iteration": 1}\n'


def test_a_warning_is_recorded_once(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.warn("careful")
    folder.warn("careful")
    assert (folder.folder / "warnings.jsonl").read_text().count("careful") == 1
    assert capsys.readouterr().err.count("warning: careful") == 2


def test_opening_removes_what_a_killed_process_left_half_written(folder: RunFolder) -> None:
    folder.close()
    left = [f".report.html.{NO_PROCESS}.part", f"checkpoints/.00000001.{NO_PROCESS}.part/state.json"]
    left.append(f"evaluations/.one.old.{NO_PROCESS}.part/result.json")
    left.append(f"trials/.vae.toml.{NO_PROCESS}.part")
    for path in (folder.folder / name for name in left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    other = RunFolder(folder.folder, "x")
    other.open()
    kept = [".lock", "checkpoints", "evaluations", "trials"]
    assert sorted(path.name for path in folder.folder.rglob("*")) == [".lease", *kept]
    other.close()
    assert sorted(path.name for path in folder.folder.rglob("*")) == kept


def test_what_another_process_is_writing_stays(folder: RunFolder) -> None:
    folder.close()
    other = folder.folder / f".report.html.{os.getppid()}.part"  # as `semreg report` does, which needs no lock
    other.write_text("half")
    folder.open()
    assert other.exists()


def test_waiting_ends_when_the_other_has_ended(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.close()
    held = threading.Event()

    def hold() -> None:
        with FileLock(folder.folder / ".lock"):
            held.set()
            time.sleep(1)

    threading.Thread(target=hold).start()
    held.wait()
    folder.wait()
    assert "waiting for another process" in capsys.readouterr().err
    folder.wait()
    assert not capsys.readouterr().err
    folder.open()
    folder.close()


def test_a_folder_is_had_by_one_at_a_time(folder: RunFolder) -> None:
    other = RunFolder(folder.folder, "x")
    (folder.folder / ".status.json.99999999.part").write_text("that process is at it")
    with pytest.raises(RunIsBusy, match="another process uses"):
        other.open()
    assert (folder.folder / ".status.json.99999999.part").exists()
    folder.close()
    other.open()
    other.close()


def test_what_another_machine_has_is_told_by_its_name(folder: RunFolder) -> None:
    folder.close()
    (folder.folder / ".lease").write_text('{"host": "node7", "kernel": "another", "process": 12}')
    with pytest.raises(RunIsBusy, match="process 12 of node7 uses this run"):
        folder.open()


def test_a_run_that_another_machine_has_taken_over_is_written_no_more(folder: RunFolder) -> None:
    folder.append("metrics.jsonl", {"iteration": 1})
    (folder.folder / ".lease").write_text('{"host": "node7", "kernel": "another", "process": 12}')
    for write in (
        lambda: folder.append("metrics.jsonl", {"iteration": 2}),
        lambda: folder.status("failed"),
        lambda: folder.warn("careful"),
        lambda: folder.cut_logs({}),
        folder.log_lengths,  # before a checkpoint
    ):
        with pytest.raises(RunIsBusy, match="process 12 of node7 has taken this run over"):
            write()
    folder.close()
    assert sorted(path.name for path in folder.folder.iterdir()) == [".lease", ".lock", "metrics.jsonl"]
    assert (folder.folder / "metrics.jsonl").read_text() == '{"iteration": 1}\n'


def test_damaged_files_are_told(folder: RunFolder) -> None:
    assert folder.read_json("run.json") is None
    for content in (b"{", b"\xff"):
        (folder.folder / "run.json").write_bytes(content)
        with pytest.raises(UserError, match=r"run\.json: cannot be read"):
            folder.read_json("run.json")


def test_a_run_has_begun_once_it_has_a_checkpoint(folder: RunFolder) -> None:
    assert not folder.begun
    (folder.folder / "checkpoints").mkdir()
    assert folder.begun


def test_hooks_are_shown_a_copy_of_the_recipe_and_modules_where_something_trains(tmp_path: Path) -> None:
    table = {"phases": {"main": {"epochs": 2}}}
    run = RunFolder(tmp_path, "x", table)
    run.recipe["phases"]["main"]["epochs"] = 3
    assert run.recipe == table == {"phases": {"main": {"epochs": 2}}}
    for look in (lambda: run.modules, lambda: run.tensor("z")):
        with pytest.raises(UserError, match=r"from the first `phase_started` on.*semreg\.open_run"):
            look()
