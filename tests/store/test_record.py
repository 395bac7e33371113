"""A run's folder is read whatever state it was left in."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from semreg.core import UserError
from semreg.store.collection import collection
from semreg.store.record import at_work, read_end, read_metrics, read_record, runs_in


def test_record_and_metrics_of_a_run(fake_run: Path) -> None:
    record = read_record(fake_run)
    assert (record.name, record.state, record.seconds) == ("olr_celeba", "finished", 500.0)
    metrics = read_metrics(fake_run)
    assert list(metrics) == ["classifier", "siamese"]
    siamese = metrics["siamese"]
    assert list(siamese.train) == ["pair", "rec", "adv_g", "adv_d"]
    assert len(siamese.train["pair"]) == len(siamese.images_per_second) == 120
    assert [iteration for iteration, _ in siamese.validation["pair"]] == list(range(100, 1201, 100))
    assert (siamese.best, siamese.seconds) == (1200, 120.0)


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    lines = ["[]", '{"phase": "main"}', '{"phase": "main", "iteration": 1, "losses": {"a": 2}}', "{", "null"]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert read_metrics(tmp_path)["main"].train == {"a": [(1, 2.0)]}
    assert read_metrics(tmp_path / "nowhere") == {}


def test_times_of_a_phase(tmp_path: Path) -> None:
    parts = {"data": 0.1, "forward": 0.3}
    lines = [
        {"iteration": 5, "losses": {"a": 1}, "seconds": 4.0, "seconds_per_iteration": parts},
        {"iteration": 5, "validation": {"a": 1}, "seconds_of_validation": 0.5},
        {"iteration": 10, "losses": {"a": 1}, "seconds": 9.0},
        {"iteration": 10, "validation": {"a": 1}, "seconds_of_validation": 0.25},
        {"iteration": 10, "seconds_per_iteration": "much"},
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(json.dumps({"phase": "main"} | line) for line in lines))
    phase = read_metrics(tmp_path)["main"]
    assert phase.seconds_per_iteration == {"data": [(5, 0.1)], "forward": [(5, 0.3)]}
    assert (phase.seconds, phase.seconds_of) == (9.0, {"validation": 0.75})


def test_the_end_of_a_log_is_read_without_what_is_before(tmp_path: Path) -> None:
    lines = [json.dumps({"iteration": k}) for k in range(100)]
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join(lines) + '\n{"iterat')
    assert [line["iteration"] for line in read_end(path)] == list(range(100))
    length = len("\n".join(lines[-3:])) + 10
    assert [line["iteration"] for line in read_end(path, length)] == [97, 98, 99]
    assert read_end(path, length - 1 - len(lines[0])) == [{"iteration": 98}, {"iteration": 99}]
    assert read_end(tmp_path / "nowhere") == []


@pytest.mark.parametrize("file", ["run.json", "status.json", "metrics.jsonl", "recipe.json", ".lock"])
@pytest.mark.parametrize("made", ["fifo", "zero", "folder", "large", "gone"])
def test_a_folder_of_whatever_costs_one_line_of_the_list(file: str, made: str, fake_run: Path) -> None:
    """Nothing waits for a pipe, or reads a device or a file without end."""
    sound = shutil.copytree(fake_run, fake_run.with_name("sound"))
    replace(fake_run / file, made)
    runs = {run.status.folder: run.status for run in collection(fake_run.parent).runs}
    assert set(runs) == {fake_run, sound}
    assert runs[sound].state == "finished"
    damaged = file == "run.json" or (file == "status.json" and made != "gone")
    assert (runs[fake_run].state == "damaged") == damaged
    if file == "metrics.jsonl" and made != "gone":
        with pytest.raises(UserError, match=r"metrics\.jsonl: cannot be read: "):
            read_metrics(fake_run)


def replace(path: Path, made: str) -> None:
    """Put something that is no file, or no honest one, or nothing in the place of a file."""
    path.unlink(missing_ok=True)
    match made:
        case "fifo":
            os.mkfifo(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "large":
            with path.open("wb") as file:
                file.truncate(2**40)


def test_a_folder_that_cannot_be_looked_at_is_passed_over(fake_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fake_run.with_name("theirs")
    other.mkdir()
    looked = os.lstat

    def lstat(path: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(f"{other}/"):  # as root a test can't be refused by the disk itself
            raise PermissionError(13, "Permission denied")
        return looked(path, **options)

    monkeypatch.setattr(os, "lstat", lstat)
    assert [run.folder for run in runs_in(fake_run.parent)] == [fake_run]


def test_runs_are_listed_by_start_and_damaged_ones_last(fake_run: Path) -> None:
    runs = fake_run.parent
    for name, started in (("later", "2026"), ("earlier", "2024")):
        (runs / name).mkdir()
        (runs / name / "run.json").write_text(json.dumps({"name": name, "started": started}))
    (runs / "damaged").mkdir()
    (runs / "damaged" / "run.json").write_text("{")
    (runs / "robbed" / "checkpoints").mkdir(parents=True)
    (runs / "status").mkdir()
    (runs / "status" / "run.json").write_text("{}")
    (runs / "status" / "status.json").write_text("[" * 100_000)
    (runs / "empty").mkdir()
    (runs / "file").write_text("")
    listed = {run.folder.name: run.damage for run in runs_in(runs)}
    assert list(listed) == ["earlier", "olr_celeba-3f9c1a", "later", "damaged", "robbed", "status"]
    assert not any(list(listed.values())[:3])
    assert listed["damaged"].startswith("run.json cannot be read: ")
    assert listed["robbed"] == "there is no run.json"
    assert listed["status"].startswith("status.json cannot be read: ")
    assert runs_in(runs / "nowhere") == []


@pytest.mark.parametrize(
    ("state", "busy", "current"),
    [
        ("running", True, "running"),
        ("running", False, "stopped"),
        (None, True, "running"),
        (None, False, "stopped"),
        ("stopped", True, "running"),
        ("stopped", False, "stopped"),
        ("failed", False, "failed"),
        ("finished", True, "finished"),
        ("finished", False, "finished"),
    ],
)
def test_the_lock_corrects_the_state(tmp_path: Path, state: str | None, busy: bool, current: str) -> None:
    (tmp_path / "run.json").write_text("{}")
    if state:
        (tmp_path / "status.json").write_text(json.dumps({"state": state}))
    run = read_record(tmp_path)
    if busy:
        with FileLock(tmp_path / ".lock"):
            assert run.current_state() == current
    else:
        assert run.current_state() == current
        assert not (tmp_path / ".lock").exists()
        (tmp_path / ".lock").touch(mode=0o444)
        assert run.current_state() == current


def test_looking_leaves_the_lock_free(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    assert not at_work(tmp_path)
    with FileLock(tmp_path / ".lock", timeout=0):
        pass


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_damaged_record_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"run\.json"):
        read_record(tmp_path)
