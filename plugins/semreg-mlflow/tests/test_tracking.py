"""What a store of MLflow holds is what the run's folder does, each thing once, whatever was killed."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import semreg
from semreg.core import Picture, Point, RecordedRun, Result, UserError
from semreg.store.recorded import read_recorded
from semreg.testing import check_tracker

mlflow = pytest.importorskip("mlflow", reason="optional: `make test-optional` installs it")
tracking = pytest.importorskip("semreg_mlflow.tracking")

both = pytest.mark.parametrize("store", ["database", "files"], indirect=True)


def run(folder: Path, losses: list[float], state: str = "stopped", **more: Any) -> RecordedRun:
    """A run whose loss is logged after each iteration."""
    results = more.get("results", {})
    more["figures"] = {f"evaluation/{n}/{key}": value for n in results for key, value in results[n].figures.items()}
    points = [Point("training/main/l2", step, loss, 1e9 + step) for step, loss in enumerate(losses, start=1)]
    return RecordedRun(folder, "toy", "0a1b", state, 1e9, 2e9, {"seed": 3}, {"commit": "c0"}, points, **more)


def points_of(recorded: RecordedRun) -> list[tuple[str, int, float]]:
    figures = [(name, 0, value) for name, value in recorded.figures.items()]
    return sorted([(point.series, point.step, point.value) for point in recorded.points] + figures)


@both
def test_everything_is_there_once_however_often_it_is_told(store: Any, tmp_path: Path) -> None:
    probe = Result({"accuracy": 0.5, "nothing": math.nan}, pictures=[Picture("Strip", b"png")])
    told = run(tmp_path, [2.0, 1.0], "finished", results={"probe": probe}, files={"report.html": b"<p>"})
    said = [tracking.track(told) for _ in range(3)]
    assert len(set(said)) == 1
    [found] = store.runs()
    assert found.info.run_id in said[0]
    assert (found.info.run_name, found.info.status) == (tmp_path.name, "FINISHED")
    assert (found.info.start_time, found.info.end_time) == (1_000_000_000_000, 2_000_000_000_000)
    assert found.data.params == {"seed": "3"}
    assert found.data.tags["semreg.hash"] == "0a1b"
    assert str(store.points(found)) == str(points_of(told))
    assert store.artifacts(found) == ["evaluations/probe/01 Strip.png", "report.html"]


def test_it_conforms(store: Any) -> None:
    check_tracker(tracking.track)
    assert len(store.runs()) == 1


LOGS = st.lists(st.lists(st.sampled_from([0.5, 1.0, math.nan]), max_size=4), min_size=1, max_size=4)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs=LOGS)
def test_whatever_a_log_becomes_the_store_ends_as_it_is(store: Any, tmp_path: Path, logs: list[list[float]]) -> None:
    for log in logs:
        told = run(tmp_path, log)
        tracking.track(told)
        [found] = store.runs()
        assert str(store.points(found)) == str(points_of(told))


def test_a_run_that_goes_on_as_before_stays_the_same_run(store: Any, tmp_path: Path) -> None:
    """What was cut off its log is trained again: it is let stand until it turns out to be otherwise."""
    seen = [
        tracking.track(run(tmp_path, losses, state))
        for losses, state in [
            ([3.0, 2.0, 1.0], "stopped"), ([3.0], "running"), ([3.0, 2.0, 1.0, 0.5], "running"),
            ([3.0, 2.0, 1.0, 0.5], "finished"), ([3.0], "running"), ([3.0, 1.5], "running"), ([3.0, 1.5], "finished"),
        ]
    ]  # fmt: skip
    assert len(set(seen[:5])) == 1
    assert seen[4] != seen[5] == seen[6]
    [found] = store.runs()
    assert store.points(found) == [("training/main/l2", 1, 3.0), ("training/main/l2", 2, 1.5)]


def test_what_people_wrote_of_a_run_outlives_it(store: Any, tmp_path: Path) -> None:
    tracking.track(run(tmp_path, [1.0]))
    for key, value in {"mine": "yes", "mlflow.note.content": "see here"}.items():
        store.client.set_tag(store.runs()[0].info.run_id, key, value)
    tracking.track(replace(run(tmp_path, [1.0]), parameters={"seed": 4}))
    [found] = store.runs()
    assert found.data.params == {"seed": "4"}
    assert (found.data.tags["mine"], found.data.tags["mlflow.note.content"]) == ("yes", "see here")


def test_pictures_of_an_evaluation_done_anew_take_the_place_of_those_before(store: Any, tmp_path: Path) -> None:
    def told(*titles: str) -> RecordedRun:
        result = Result({"accuracy": 0.5}, pictures=[Picture(title, title.encode()) for title in titles])
        return run(tmp_path, [1.0], "finished", results={"probe": result}, files={"report.html": str(titles).encode()})

    for titles in (("One", "Two"), ("Other",)):
        tracking.track(told(*titles))
    [found] = store.runs()
    assert store.artifacts(found) == ["evaluations/probe/01 Other.png", "report.html"]
    content = mlflow.artifacts.load_text(f"{found.info.artifact_uri}/report.html")
    assert content == str(("Other",))


CALLS = ("create_run", "log_batch", "log_artifacts", "set_tag", "set_terminated", "delete_run")


@both
def test_a_tracker_killed_at_any_call_is_made_up_for(store: Any, tmp_path: Path, monkeypatch: Any) -> None:
    probe = Result({"accuracy": 0.5}, pictures=[Picture("Strip", b"png")])
    told = run(tmp_path, [3.0, 2.0], "finished", results={"probe": probe}, files={"report.html": b"<p>"})
    made = 0
    calls = iter(range(1_000))
    wanted: list[int] = [0]

    def stopping(call: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(self: Any, *arguments: Any, **more: Any) -> Any:
            if next(calls) == wanted[0]:
                raise KeyboardInterrupt
            return call(self, *arguments, **more)

        return stopped

    for name in CALLS:
        monkeypatch.setattr(mlflow.MlflowClient, name, stopping(getattr(mlflow.MlflowClient, name)))
    while True:
        wanted[0], calls = made, iter(range(1_000))
        tracking_of_before = run(tmp_path, [3.0, 9.0], "stopped")  # which the store can't take back
        try:
            tracking.track(tracking_of_before)
            tracking.track(told)
            break
        except KeyboardInterrupt:
            made += 1
        wanted[0] = -1
        tracking.track(told)
        [found] = store.runs()
        assert store.points(found) == points_of(told)
        assert found.info.status == "FINISHED"
        assert store.artifacts(found) == ["evaluations/probe/01 Strip.png", "report.html"]
    assert made > 10


def test_a_store_that_does_not_answer_is_told_in_a_line_without_the_password(
    store: Any, unanswered: Callable[[], None], tmp_path: Path
) -> None:
    unanswered()
    begun = time.monotonic()
    with pytest.raises(UserError) as refused:
        tracking.track(run(tmp_path, [1.0]))
    assert time.monotonic() - begun < 20
    cause = "the store http://127.0.0.1:9 does not answer (Connection refused)"
    assert refused.value.text() == f"mlflow: {cause}; set MLFLOW_TRACKING_URI to use another"


def test_what_a_store_says_at_length_ends_with_a_word(store: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def refusing(*arguments: Any) -> None:
        raise ValueError("quota " * 1_000)

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", refusing)
    with pytest.raises(UserError, match=r"does not take the run \(ValueError: (quota )+…\); set"):
        tracking.track(run(tmp_path, [1.0]))


def test_a_store_that_nobody_named_is_said_to_be_mlflow_s_own(
    store: Any, database: str, tmp_path: Path, monkeypatch: Any
) -> None:
    tracking.track(run(tmp_path, [1.0]))  # which makes the database, if no test has yet
    shutil.copy(database.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    said = tracking.track(run(tmp_path, [1.0]))
    assert "mlflow.db" in said
    assert said.endswith(", MLflow's own, since MLFLOW_TRACKING_URI is not set")


def test_a_database_that_can_t_be_opened_is_told_at_once(store: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "in the way").write_text("")
    for path in (tmp_path, tmp_path / "in the way" / "mlflow.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        begun = time.monotonic()
        with pytest.raises(UserError, match=rf"^mlflow: the store sqlite:///{path} does not take the run \("):
            tracking.track(run(tmp_path, [1.0]))
        assert time.monotonic() - begun < 20


def test_two_processes_make_a_new_database_and_its_experiment_together(store: Any, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from semreg.core import RecordedRun; from semreg_mlflow import track\n"
        "track(RecordedRun(Path(sys.argv[1]), 'toy', sys.argv[2], 'finished'))"
    )
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/new/mlflow.db"}
    folders = [tmp_path / name for name in ("0a", "0b")]
    for folder in folders:
        folder.mkdir()
    processes = [subprocess.Popen([sys.executable, "-c", code, f, f.name], env=environment) for f in folders]
    assert [process.wait() for process in processes] == [0, 0]
    made = replace(store, uri=environment["MLFLOW_TRACKING_URI"]).runs()
    assert sorted(found.info.run_name for found in made) == ["0a", "0b"]


def test_what_is_to_be_installed_is_told(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r'pip install "semreg-mlflow\[database\]"'):
            tracking.track(run(tmp_path, [1.0]))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(UserError, match=r"mlflow: can't be imported .*; pip install mlflow-skinny"):
        tracking.track(run(tmp_path, [1.0]))


def test_the_environment_is_as_it_was(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    before = dict(os.environ)
    tracking.track(run(tmp_path, [1.0]))
    assert dict(os.environ) == before


# --- runs that are killed ---

RECIPE = """
extends = "vae_digits"
data.split.validation = 0.1
phases.main = { epochs = 12, validate = { loss = "kl", every = 2 } }
"""
EAGER = """
import sys
from semreg.cli.main import main
from semreg_mlflow import live
live.SECONDS_BETWEEN, live.SHARE = 0.0, 1e9  # at every record
main()
"""


@pytest.mark.parametrize("between", [False, True])
def test_a_run_killed_while_it_is_tracked_ends_as_its_log(store: Any, tmp_path: Path, between: bool) -> None:
    (tmp_path / "killed.toml").write_text(RECIPE)
    command = [sys.executable, "-c", EAGER, "run", "killed.toml", "--device", "cpu", "--threads", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        logs = list(tmp_path.glob("runs/*/metrics.jsonl"))
        if logs and len(logs[0].read_text().splitlines()) > 22:  # and 20 are of four epochs
            process.send_signal(signal.SIGKILL)
            process.wait()
        time.sleep(0.01)
    assert process.returncode == -signal.SIGKILL
    [folder] = [path.parent for path in tmp_path.glob("runs/*/metrics.jsonl")]
    [found] = store.runs()
    assert found.info.status == "RUNNING"
    assert len(store.points(found)) > 30
    if between:
        semreg.track(folder, "mlflow")
        [found] = store.runs()
        assert (found.info.status, store.points(found)) == ("KILLED", points_of(read_recorded(folder)))
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    [ended] = store.runs()
    told = read_recorded(folder)
    assert [point.step for point in told.points if point.series == "training/main/kl"] == list(range(5, 241, 5))
    assert (ended.info.status, store.points(ended)) == ("FINISHED", points_of(told))
    assert ended.info.run_id == found.info.run_id, "the same bits were trained again"
    semreg.track(folder, "mlflow")
    assert store.points(store.runs()[0]) == points_of(told)
    assert "mlflow" not in (folder / "warnings.jsonl").read_text() if (folder / "warnings.jsonl").exists() else True
