"""A run as trackers are given it: all that its folder holds, and each thing once."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from semreg.core import Result, UserError
from semreg.store.folder import RunFolder
from semreg.store.recipes import kept_as, write_evaluations, write_recipe
from semreg.store.record import read_metrics
from semreg.store.recorded import read_recorded
from semreg.store.results import write_result
from tests.conftest import write_fake_result

START = 1735787045.0
"""2025-01-02T03:04:05, in UTC."""


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def append(folder: Path, *lines: object) -> None:
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_all_of_a_finished_run(fake_run: Path) -> None:
    run = read_recorded(fake_run)
    assert (run.folder, run.name, run.hash, run.state) == (fake_run, "olr_celeba", "3f9c1a", "finished")
    assert (run.started, run.updated) == (START, START + 500)
    assert run.parameters["data.use"] == "avatars"
    assert (run.parameters["seed"], run.parameters["precision"]) == (7, "fp32")
    assert run.about["data.fingerprint"] == "sha256:0123abcd"
    assert run.about["versions.torch"] == "2.14.1"
    assert run.about["fallback"].endswith("using the avatars instead.")
    assert "commit" not in run.about
    assert list(run.results) == ["linear", "correlation", "edits"]
    assert run.figures["evaluation/linear/ratio"] == 0.988
    assert math.isnan(run.figures["evaluation/edits/kept"])
    assert run.files == {"recipe.json": (fake_run / "recipe.json").read_bytes()}


def test_every_loss_is_a_point(fake_run: Path) -> None:
    found: dict[str, list[tuple[int, float]]] = {}
    for point in read_recorded(fake_run).points:
        found.setdefault(point.series, []).append((point.step, point.value))
    expected = {}
    for phase, metrics in read_metrics(fake_run).items():
        expected |= {f"training/{phase}/{name}": points for name, points in metrics.train.items()}
        expected |= {f"validation/{phase}/{name}": points for name, points in metrics.validation.items()}
    assert found == expected


def test_time_is_that_of_training_phase_after_phase(fake_run: Path) -> None:
    first, second = {"phase": "a", "iteration": 1}, {"phase": "b", "iteration": 1}
    append(
        fake_run,
        {**first, "losses": {"l": 1.0}, "seconds": 2.0},
        {**first, "validation": {"l": 1.0}},
        {**second, "losses": {"l": 1.0}, "seconds": 0.5},
    )
    assert [point.time - START for point in read_recorded(fake_run).points] == [2.0, 2.0, 2.5]


def test_what_is_no_line_of_a_log_is_passed_over_and_the_last_of_two_counts(fake_run: Path) -> None:
    where = {"phase": "a", "iteration": 1}
    odd: list[object] = [
        [],
        {},
        {"phase": "a", "iteration": "x"},
        {**where, "losses": 3},
        {**where, "losses": {"l": {}}},
    ]
    append(fake_run, *odd, {**where, "losses": {"l": 1.0}}, {**where, "losses": {"l": 2.0}}, {**where, "seconds": []})
    assert [(point.series, point.value) for point in read_recorded(fake_run).points] == [("training/a/l", 2.0)]
    (fake_run / "metrics.jsonl").unlink()
    assert read_recorded(fake_run).points == []


def test_other_recipes_and_other_images_have_their_results_and_reports_too(fake_run: Path) -> None:
    other, validation = "other", kept_as("olr_celeba", "validation")
    for recipe, accuracy in ((other, 0.1), (validation, 0.2)):
        write_recipe(fake_run, recipe, {"data": {"use": recipe}})
        names = {name: f"{name}-{recipe}" for name in ("linear", "own")}
        for place in names.values():
            write_result(fake_run / "evaluations" / place, Result({"accuracy": accuracy}))
        write_evaluations(fake_run, recipe, names, reported=True)
        (fake_run / f"report-{recipe}.html").write_text(recipe)
    (fake_run / "report.html").write_text("own")
    run = read_recorded(fake_run)
    assert run.figures["evaluation/linear/ratio"] == 0.988
    assert "evaluation/linear/accuracy" not in run.figures, "the run's own recipe comes first"
    assert run.figures["evaluation/own/accuracy"] == 0.1
    assert run.figures["evaluation/own on validation/accuracy"] == 0.2
    assert run.files["report.html"] == b"own"
    assert {"report-other.html", "recipes/other.json"} < run.files.keys()
    assert len(run.files) == 6


def test_a_run_does_not_train_without_a_process(fake_run: Path) -> None:
    change(fake_run / "status.json", state="running")
    assert read_recorded(fake_run).state == "stopped"
    assert RunFolder(fake_run, "olr_celeba").recorded().state == "running"
    with FileLock(fake_run / ".lock"):
        change(fake_run / "status.json", state="stopped")
        assert read_recorded(fake_run).state == "running"
        assert RunFolder(fake_run, "olr_celeba").recorded().state == "stopped", "which its own process has just written"


@pytest.mark.parametrize("digest", [None, "", "x' OR '1'='1", 3.5])
def test_a_run_that_nothing_can_be_known_by_is_refused(tmp_path: Path, digest: object) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"hash": digest}))
    with pytest.raises(UserError, match="its record has no hash, so a tracker can't identify the run"):
        read_recorded(tmp_path)


def test_a_damaged_run_is_refused_in_a_line(fake_run: Path) -> None:
    (write_fake_result(fake_run, "linear", Result()) / "result.json").write_text("{")
    with pytest.raises(UserError, match="holds no readable result of an evaluation"):
        read_recorded(fake_run)
    (fake_run / "run.json").unlink()
    with pytest.raises(UserError, match="holds no run"):
        read_recorded(fake_run)


def test_what_a_stranger_wrote_is_no_failure(fake_run: Path) -> None:
    change(fake_run / "run.json", started="yesterday", data=[], versions=3, continues="x", seed={"a": 1})
    change(fake_run / "status.json", updated=7)
    run = read_recorded(fake_run)
    assert (run.started, run.updated, run.parameters["seed.a"]) == (0.0, 0.0, 1)
