"""A cell is read from its run's folder, and says what is wrong with one that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

from semreg.tables.cells import read_cell

EVALUATIONS = ["linear", "correlation", "edits"]


def test_a_finished_run(fake_run: Path) -> None:
    cell = read_cell(fake_run, 7, EVALUATIONS)
    assert (cell.state, cell.seed, cell.finished, cell.failed) == ("finished", 7, True, False)
    assert cell.results["linear"].figures["ratio"] == 0.988
    assert cell.results["linear"].pictures == []
    facts = cell.facts
    assert (facts.data, facts.fingerprint, facts.epochs) == ("avatars (size = 48)", "sha256:0123abcd", "6 + 12")
    assert facts.images == "3,200 train / 400 validation / 400 test"
    assert (facts.device, facts.precision, facts.version) == ("cpu", "fp32", "0.1.0")
    assert facts.fallback.endswith("using the avatars instead.")
    assert facts.seconds == 60 + 120


def test_runs_that_do_not_count(fake_run: Path, tmp_path: Path) -> None:
    assert read_cell(tmp_path / "none", 0, EVALUATIONS).state == "not begun"
    (fake_run / "status.json").write_text(json.dumps({"state": "failed", "message": "no memory"}))
    cell = read_cell(fake_run, 7, EVALUATIONS)
    assert (cell.state, cell.reason, cell.failed, cell.results) == ("failed", "no memory", True, {})
    (fake_run / "status.json").write_text(json.dumps({"state": "running"}))
    assert read_cell(fake_run, 7, EVALUATIONS).state == "stopped"


def test_a_damaged_or_missing_evaluation_is_said_with_the_command_that_mends_it(fake_run: Path) -> None:
    result = fake_run / "evaluations" / "linear" / "result.json"
    result.write_text(result.read_text()[:-9])
    cell = read_cell(fake_run, 7, EVALUATIONS)
    assert (cell.state, cell.failed, cell.results) == ("damaged", True, {})
    assert cell.reason.startswith(f"{result.parent}: holds no readable result of an evaluation")
    assert cell.reason.endswith(f"semreg evaluate {fake_run} --only linear")
    result.unlink()
    assert "No such file" in read_cell(fake_run, 7, EVALUATIONS).reason


def test_a_record_of_anything(fake_run: Path) -> None:
    (fake_run / "run.json").write_text(
        json.dumps({"data": [], "phases": {"a": 1}, "versions": 3, "fallback": {"x": 1}, "device": None})
    )
    cell = read_cell(fake_run, 7, EVALUATIONS)
    assert cell.finished
    assert cell.facts.data == ""
    (fake_run / "run.json").write_text("{")
    assert read_cell(fake_run, 7, EVALUATIONS).state == "damaged"
