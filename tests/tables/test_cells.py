"""A cell is read from its run's folder, and says what is wrong with one that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

from semreg.store.layout import RESULTS_OF_RECIPES
from semreg.store.recipes import write_evaluations
from semreg.tables.cells import read_cell

EVALUATIONS = {name: f"{name}-0a1b2c" for name in ("linear", "correlation", "edits")}


def test_a_finished_run(fake_run: Path) -> None:
    cell = read_cell(fake_run, "olr_celeba", 7, EVALUATIONS)
    assert (cell.state, cell.seed, cell.finished, cell.failed) == ("finished", 7, True, False)
    assert cell.results["linear"].figures["ratio"] == 0.988
    pictures = [(picture.title, picture.png, picture.walk) for picture in cell.results["linear"].pictures]
    assert pictures == [("Accuracy", b"", None)], "they are read when they are drawn"
    assert cell.places["linear"] == fake_run / "evaluations" / EVALUATIONS["linear"]
    assert list(cell.places) == list(cell.results)
    facts = cell.facts
    assert (facts.data, facts.fingerprint, facts.epochs) == ("avatars (size = 48)", "sha256:0123abcd", "6 + 12")
    assert facts.images == "3,200 train / 400 validation / 400 test"
    assert (facts.device, facts.precision, facts.version) == ("cpu", "fp32", "0.1.0")
    assert facts.fallback.endswith("using the avatars instead.")
    assert facts.seconds == 60 + 120


def test_runs_that_do_not_count(fake_run: Path, tmp_path: Path) -> None:
    assert read_cell(tmp_path / "none", "none", 0, EVALUATIONS).state == "not begun"
    record = json.loads((fake_run / "run.json").read_text())
    del record["trained"]
    (fake_run / "run.json").write_text(json.dumps(record))
    (fake_run / "status.json").write_text(json.dumps({"state": "failed", "message": "no memory"}))
    cell = read_cell(fake_run, "olr_celeba", 7, EVALUATIONS)
    assert (cell.state, cell.reason, cell.failed, cell.results) == ("failed", "no memory", True, {})
    (fake_run / "status.json").write_text(json.dumps({"state": "running"}))
    assert read_cell(fake_run, "olr_celeba", 7, EVALUATIONS).state == "stopped"


def test_what_counts_is_that_it_is_trained_and_has_the_recipes_evaluations(fake_run: Path) -> None:
    """The status may be of another recipe that trains the same."""
    (fake_run / "status.json").write_text(json.dumps({"state": "failed", "recipe": "other", "message": "no memory"}))
    (fake_run / RESULTS_OF_RECIPES).unlink()
    cell = read_cell(fake_run, "olr_celeba", 7, {"own": EVALUATIONS["linear"]})
    assert cell.finished
    assert cell.results["own"].figures["ratio"] == 0.988


def test_evaluations_of_a_finished_run_that_are_still_to_be_done_are_named(fake_run: Path) -> None:
    more = {**EVALUATIONS, "linear": "linear-ffffff", "knn": "knn-0a1b2c"}
    cell = read_cell(fake_run, "olr_celeba", 7, more)
    assert (cell.state, cell.reason, cell.results) == ("stopped", "still to be evaluated: linear, knn", {})


def test_an_evaluation_that_failed_costs_itself(fake_run: Path) -> None:
    more = {**EVALUATIONS, "knn": "knn-0a1b2c", "fid": "fid-0a1b2c"}
    why = {"knn": "no neighbours", "linear": "of a time before it was done"}
    write_evaluations(fake_run, "olr_celeba", more, reported=True, failures=why | {"fid": "memory ran out"})
    write_evaluations(fake_run, "other", more, reported=True, failures=why)
    cell = read_cell(fake_run, "olr_celeba", 7, more)
    assert (cell.state, cell.failed, list(cell.results)) == ("finished", True, list(EVALUATIONS))
    assert cell.failures == {"knn": "no neighbours", "fid": "memory ran out"}
    cell = read_cell(fake_run, "other", 7, more)
    assert (cell.state, cell.reason, cell.failures) == ("stopped", "still to be evaluated: fid", {})


def test_a_damaged_evaluation_is_said_with_what_mends_it(fake_run: Path) -> None:
    result = fake_run / "evaluations" / EVALUATIONS["linear"] / "result.json"
    result.write_text(result.read_text()[:-9])
    cell = read_cell(fake_run, "olr_celeba", 7, EVALUATIONS)
    assert (cell.state, cell.failed, cell.results) == ("damaged", True, {})
    assert cell.reason.startswith(f"{result.parent}: holds no readable result of an evaluation")
    assert cell.reason.endswith("; evaluate again: remove it, and the same command does, without --only-finished")
    result.unlink()
    assert "No such file" in read_cell(fake_run, "olr_celeba", 7, EVALUATIONS).reason


def test_a_record_of_anything(fake_run: Path) -> None:
    record = {"data": [], "phases": {"a": 1}, "versions": 3, "fallback": {"x": 1}, "device": None}
    (fake_run / "run.json").write_text(json.dumps({"trained": True, **record}))
    cell = read_cell(fake_run, "olr_celeba", 7, EVALUATIONS)
    assert cell.finished
    assert cell.facts.data == ""
    (fake_run / "run.json").write_text("{")
    assert read_cell(fake_run, "olr_celeba", 7, EVALUATIONS).state == "damaged"
