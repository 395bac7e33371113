"""Where a run stands, from the ends of its files, whatever they hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semreg.store.collection import collection
from semreg.store.record import RunRecord, read_record
from semreg.store.status import run_status

NOW = datetime(2025, 1, 2, 3, 20, tzinfo=UTC)


def under_way(folder: Path, iteration: int = 430, **status: Any) -> None:
    """Make a run's folder look as if it were training its second phase."""
    status = {"state": "running", "phase": "siamese", "iteration": iteration, "iterations": 1200} | status
    (folder / "status.json").write_text(json.dumps(status | {"updated": "2025-01-02T03:19:58+00:00"}))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()[:-1]]
    lines = [line for line in lines if line["phase"] == "classifier" or line["iteration"] <= iteration]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"phase": "sia')


def test_a_run_under_way(fake_run: Path) -> None:
    under_way(fake_run)
    with FileLock(fake_run / ".lock"):
        run = run_status(read_record(fake_run), NOW)
    assert (run.state, run.phase, run.position, run.count) == ("running", "siamese", 2, 2)
    assert (run.epoch, run.epochs, run.iteration, run.iterations) == (5, 12, 430, 1200)
    assert run.share == pytest.approx(430 / 1200)
    assert run.seconds_left == pytest.approx(77 - 1)  # 770 iterations at 0.1 s; the record's interval is 1 s
    assert list(run.losses) == ["pair", "rec", "adv_g", "adv_d"]
    assert list(run.validation) == ["pair"]
    assert 420 <= (run.images_per_second or 0) <= 430
    assert (run.seconds_since_update, run.seed, run.message) == (2.0, 7, None)
    assert json.loads(json.dumps(run.as_dictionary()))["folder"] == str(fake_run)


def test_a_run_under_way_that_has_gone_on_has_the_pace_of_its_last_process(fake_run: Path) -> None:
    under_way(fake_run, 400)
    with (fake_run / "metrics.jsonl").open("a") as log:
        log.write("\n")
        for k in (1, 2, 3):
            line = {"phase": "siamese", "iteration": 400 + 10 * k, "seconds": 5 * k, "losses": {}}
            log.write(json.dumps(line) + "\n")
    record = read_record(fake_run)
    record.status["iteration"] = 430
    assert run_status(record, NOW).seconds_left == pytest.approx(770 * 0.5 - 2)


def test_a_stopped_run_stands_where_its_log_ends(fake_run: Path) -> None:
    under_way(fake_run)
    (fake_run / "status.json").write_text(json.dumps({"state": "failed", "message": "a loss is nan"}))
    run = run_status(read_record(fake_run), NOW)
    assert (run.state, run.phase, run.position, run.epoch, run.iteration, run.iterations) == (
        "failed", "siamese", 2, 5, 430, 1200,
    )  # fmt: skip


def test_one_record_is_no_pace(fake_run: Path) -> None:
    under_way(fake_run, 10)
    run = run_status(read_record(fake_run), NOW)
    assert (run.iteration, run.seconds_left) == (10, None)


def test_only_the_end_of_a_log_is_read(fake_run: Path) -> None:
    under_way(fake_run)
    log = fake_run / "metrics.jsonl"
    end = log.read_bytes()
    with log.open("wb") as file:
        file.truncate(1 << 30)  # a hole
        file.seek(0, 2)
        file.write(b"\n" + end)
    assert run_status(read_record(fake_run), NOW).epoch == 5


def test_an_evaluation_has_its_place(fake_run: Path) -> None:
    (fake_run / "status.json").write_text(json.dumps({"state": "running", "phase": "evaluating correlation"}))
    run = run_status(read_record(fake_run), NOW)
    assert (run.phase, run.position, run.count, run.share) == ("evaluating correlation", 2, 3, None)
    (fake_run / "recipe.json").write_text("[]")
    assert run_status(read_record(fake_run), NOW).position is None


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ({"state": "failed", "message": "losses.pair became nan"}, "failed", "became nan"),
        ({"state": "stopped", "message": "interrupted"}, "stopped", "interrupted"),
        ({"state": "running", "message": "old"}, "stopped", "its process was killed"),
        ({}, "stopped", "its process was killed"),
    ],
    ids=["failed", "stopped", "killed", "killed-early"],
)
def test_why_a_run_is_not_under_way(fake_run: Path, status: dict[str, str], state: str, said: str) -> None:
    run = run_status(RunRecord(fake_run, {}, status), NOW)
    assert run.state == state
    assert said in (run.message or "")


def test_damaged_folders_say_so_unless_a_run_is_about_to_fill_them(fake_run: Path) -> None:
    (fake_run / "run.json").unlink()
    damaged = collection(fake_run.parent).runs[0].status
    assert (damaged.state, damaged.message, damaged.name) == ("damaged", "there is no run.json", fake_run.name)
    with FileLock(fake_run / ".lock"):
        beginning = collection(fake_run.parent).runs[0].status
    assert (beginning.state, beginning.message) == ("running", "it is beginning")


anything = st.sampled_from(
    [None, True, -1, 0, 10**400, 1.5, float("nan"), float("inf"), "", "main", "2025", [], [1], {}, {"main": "x"}]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_in_a_record_is_believed(tmp_path: Path, data: st.DataObject) -> None:
    def table(*keys: str) -> dict[str, Any]:
        return data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, anything)))

    status = table("state", "phase", "iteration", "iterations", "message", "updated")
    status["phase"] = data.draw(st.sampled_from(["main", "evaluating x", status.get("phase")]))
    record = table("data", "phases", "fallback", "seed", "started", "name")
    line = table("losses", "validation", "iteration", "seconds", "epoch", "images_per_second")
    lines = [{"phase": "main", "losses": {}, "seconds": k} | line for k in range(3)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "recipe.json").write_text(json.dumps(table("evaluate")))
    json.dumps(run_status(RunRecord(tmp_path, record, status), NOW).as_dictionary(), allow_nan=False)


def test_the_latest_picture_that_was_kept(fake_run: Path) -> None:
    assert run_status(read_record(fake_run), NOW).picture is None
    line = {"phase": "siamese", "epoch": 5, "picture": "siamese-5.png", "tensors": ["x"]}
    (fake_run / "watch.jsonl").write_text(
        "".join(json.dumps(line | {"picture": f"siamese-{k}.png"}) + "\n" for k in (5, 10))
    )
    with (fake_run / "watch.jsonl").open("a") as log:
        log.write('{"phase": "siam')
    assert run_status(read_record(fake_run), NOW).picture == "watch/siamese-10.png"
