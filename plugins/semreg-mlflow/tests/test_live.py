"""A run is in MLflow while it trains, where its user asks for it; what MLflow costs or lacks stops no run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import UserError
from semreg.core.hookspecs import Progress
from semreg.store.recorded import read_recorded
from semreg.testing import FakeObservedRun, check_hook

mlflow = pytest.importorskip("mlflow", reason="optional: `make test-optional` installs it")
live, tracking = pytest.importorskip("semreg_mlflow.live"), pytest.importorskip("semreg_mlflow.tracking")

RECORD = Progress("main", 1, 1, 5, 10, {"l2": 1.0})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states of which a tracker in MLflow's place is told; the clock stands still."""
    states: list[str] = []
    monkeypatch.setattr(tracking, "track", lambda run: states.append(run.state))
    monkeypatch.setattr(live.time, "monotonic", lambda: 1_000.0)
    return states


def test_it_conforms(store: Any) -> None:
    check_hook(live.LiveTracking)
    assert store.runs(), "otherwise it was not told"


def test_a_run_is_there_to_its_end(store: Any, tmp_path: Path) -> None:
    folder = semreg.run("vae_digits", overrides=["phases.main.epochs=2"], out=tmp_path / "runs", device="cpu").folder
    [found] = store.runs()
    recorded = read_recorded(folder)
    assert (found.info.run_name, found.info.status) == (folder.name, "FINISHED")
    assert len(store.points(found)) == len(recorded.points) + len(recorded.figures)
    assert "report.html" in store.artifacts(found)
    assert mlflow.artifacts.load_text(f"{found.info.artifact_uri}/report.html") == (folder / "report.html").read_text()


def test_a_run_that_ends_early_is_told_with_its_state(store: Any, tmp_path: Path) -> None:
    class Stopping:
        """Ends the run after the first epoch, as Ctrl-C does."""

        @semreg.core.hookspecs.hookimpl
        def checkpoint_written(self) -> None:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"overrides": ["phases.main.epochs=2"], "out": tmp_path / "runs", "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        semreg.run("vae_digits", hooks=[Stopping()], **options)
    [stopped] = store.runs()
    assert stopped.info.status == "KILLED"
    semreg.run("vae_digits", **options)
    [finished] = store.runs()
    assert (finished.info.status, finished.info.run_id) == ("FINISHED", stopped.info.run_id)


def test_nobody_is_told_unless_the_user_asks(told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    hook, run = live.LiveTracking(), FakeObservedRun(tmp_path)
    hook.phase_started(run)
    hook.iteration_done(run, RECORD)
    hook.report_written(run)
    hook.run_stopped(run)
    assert told == []


def test_it_is_told_at_times_that_cost_little(told: list[str], store: Any, tmp_path: Path, monkeypatch: Any) -> None:
    hook, run, now = live.LiveTracking(), FakeObservedRun(tmp_path), [1_000.0]

    def slowly(run: Any) -> None:
        told.append(run.state)
        now[0] += 1.0

    monkeypatch.setattr(tracking, "track", slowly)
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    hook.phase_started(run)
    for seconds, count in [(0, 1), (live.SECONDS_BETWEEN, 2), (1 / live.SHARE - 1, 2), (2, 3)]:
        now[0] += seconds
        hook.iteration_done(run, replace(RECORD, losses=None))
        hook.iteration_done(run, RECORD)
        hook.checkpoint_written(run)
        hook.evaluation_done(run)
        assert len(told) == count
    hook.report_written(run)
    hook.run_stopped(run)
    assert len(told) == 5


def test_a_run_that_goes_on_trains_whatever_was_written_last(
    told: list[str], store: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    hook, run = live.LiveTracking(), FakeObservedRun(tmp_path)
    monkeypatch.setattr(run, "recorded", lambda: replace(FakeObservedRun.recorded(run), state="stopped"))
    hook.phase_started(run)
    hook.run_stopped(run)
    assert told == ["running", "stopped"]


def test_a_store_that_does_not_answer_costs_a_warning(
    store: Any, unanswered: Callable[[], None], tmp_path: Path
) -> None:
    unanswered()
    folder = semreg.run("vae_digits", overrides=["phases.main.epochs=2"], out=tmp_path / "runs", device="cpu").folder
    recorded = read_recorded(folder)
    assert recorded.state == "finished"
    warnings = [line for line in (folder / "warnings.jsonl").read_text().splitlines() if "mlflow" in line]
    assert len(warnings) == 1
    assert "127.0.0.1:9 does not answer (Connection refused)" in warnings[0]
    assert f"`semreg track {folder} --to mlflow` brings what is missing" in warnings[0]


def test_what_a_store_lacked_is_brought_when_it_answers(
    told: list[str], store: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def refused(run: Any) -> None:
        raise UserError("mlflow", "no answer")

    hook, run = live.LiveTracking(), FakeObservedRun(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "track", refused)
        hook.phase_started(run)
        hook.run_stopped(run)
    hook.report_written(run)
    assert (told, len(run.warnings)) == (["running"], 1)
