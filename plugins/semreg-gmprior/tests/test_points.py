"""Points that a run keeps while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from semreg_gmprior.points import COUNT, LOG, Points, kept_points

from semreg.core import ClassField
from semreg.core.hookspecs import Progress
from semreg.testing import FakeObservedRun, FakeRun, check_hook

LABELS = torch.arange(60) % 3
POINTS = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))


def trained(folder: Path, **evaluations: Any) -> None:
    """Four epochs of two iterations, with the hook."""
    run: Any = FakeRun(
        tensors={"drawn": {"test": POINTS}, "label": {"test": LABELS}},
        functions={},
        fields={"label": ClassField(tuple("abc"))},
    )
    observed, hook = FakeObservedRun(folder, run, recipe={"evaluate": evaluations}), Points()
    for iteration in range(1, 9):
        hook.iteration_done(observed, Progress("main", (iteration + 1) // 2, 4, iteration, 8))


def test_points_are_kept_after_the_epochs_that_an_evaluation_names(tmp_path: Path) -> None:
    trained(tmp_path, spread={"use": "toy_spread(point, drawn, label)", "epochs": [1, 3, 9]}, other={"use": "x"})
    kept = kept_points(tmp_path, "drawn")
    assert list(kept) == [1, 3]
    for points, classes in kept.values():
        assert torch.equal(points, POINTS)
        assert torch.equal(classes, LABELS)
    assert len(POINTS) < COUNT
    assert kept_points(tmp_path, "other") == {}


def test_a_run_without_such_an_evaluation_keeps_nothing(tmp_path: Path) -> None:
    trained(tmp_path, spread={"use": "toy_spread(point, drawn, label)"}, other={"use": "other(drawn)", "epochs": [1]})
    assert not (tmp_path / LOG).exists()
    assert kept_points(tmp_path, "drawn") == {}


def test_lines_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    trained(tmp_path, spread={"use": "toy_spread(point, drawn, label)", "epochs": [2]})
    with (tmp_path / LOG).open("a") as log:
        log.write('{"samples": "drawn"}\n[]\n{"half a li')
    assert list(kept_points(tmp_path, "drawn")) == [2]


def test_the_hook_conforms() -> None:
    check_hook(Points)
