"""The spread of generated points beside that of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_gmprior.evaluations.spread import toy_spread
from semreg_gmprior.points import Points
from torch import Tensor

from semreg.core import ClassField, Result
from semreg.core.hookspecs import Progress
from semreg.testing import FakeObservedRun, FakeRun

LABELS = torch.arange(60) % 3
POINTS = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))


def spread(samples: Tensor, points: Tensor = POINTS, labels: Tensor = LABELS, **options: Any) -> Result:
    run: Any = FakeRun(
        tensors={"point": {"test": points}, "drawn": {"test": samples}, "label": {"test": labels}},
        functions={},
        fields={"label": ClassField(tuple("abc"))},
    )
    return toy_spread(run.tensor("point"), run.tensor("drawn"), run.tensor("label"), **options)


@settings(deadline=None, max_examples=10)
@given(factor=st.floats(0.1, 10), shift=st.floats(-5, 5), axis=st.integers(0, 1))
def test_it_is_the_factor_by_which_points_are_stretched_wherever_they_are(
    factor: float, shift: float, axis: int
) -> None:
    samples = POINTS.clone()
    samples[:, axis] = factor * samples[:, axis] + shift * LABELS
    figures = spread(samples, axis=axis).figures
    assert figures == pytest.approx(dict.fromkeys(("ratio", "ratio_a", "ratio_b", "ratio_c"), factor), rel=1e-4)
    assert spread(samples, axis=1 - axis).figures["ratio"] == pytest.approx(1)


def test_each_class_counts_by_itself() -> None:
    samples = POINTS * torch.tensor([0.0, 1, 2])[LABELS][:, None]
    result = spread(samples)
    assert list(result.figures.values()) == pytest.approx([1, 0, 1, 2])
    assert "(a 0.00, b 1.00, c 2.00)" in result.summary
    assert len(result.pictures) == 2


def test_points_that_were_kept_while_it_trained_are_shown(tmp_path: Path) -> None:
    tensors = {"point": {"test": POINTS}, "drawn": {"test": POINTS}, "label": {"test": LABELS}}
    run: Any = FakeRun(tensors=tensors, functions={}, fields={"label": ClassField(tuple("abc"))})
    run.folder = tmp_path
    recipe = {
        "evaluate": {"spread": {"use": "toy_spread(point, drawn, label)", "epochs": [1, 3, 9]}, "x": {"use": "x"}}
    }
    observed, hook = FakeObservedRun(tmp_path, run, recipe=recipe), Points()
    for iteration in range(1, 9):
        hook.iteration_done(observed, Progress("main", (iteration + 1) // 2, 4, iteration, 8))
    result = toy_spread(run.tensor("point"), run.tensor("drawn"), run.tensor("label"), epochs=[1, 3, 9])
    titles = ["Test points", "Generated points", "Generated points, epoch 1", "Generated points, epoch 3"]
    assert [picture.title for picture in result.pictures] == titles
    assert result.figures == spread(POINTS).figures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": POINTS[:, :1]}, r"points \(60, 2\) and samples \(60, 1\)"),
        ({"samples": POINTS, "axis": 2}, "with an axis 2"),
        ({"samples": torch.full((60, 2), torch.inf)}, "'drawn' is not finite for 60 of the 60 test images"),
        ({"samples": POINTS, "labels": torch.zeros(60).long()}, "class 'b' has 0 test points"),
        ({"samples": POINTS, "points": torch.ones(60, 2)}, "class 'a' do not spread along axis 1"),
    ],
)
def test_what_has_no_spread_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spread(**arguments)
