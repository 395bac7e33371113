"""The toy classes: x tells the class, y does not, and the points are the same on every machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from semreg_gmprior.dataset import ToyClasses

from semreg.core import TEST, ClassField, VectorField
from semreg.data.cache import cached
from semreg.testing import check_dataset


def test_x_tells_the_class_and_y_does_not(tmp_path: Path) -> None:
    data = cached(ToyClasses(count=30_000, width=0.5, spread=2.0), folder=tmp_path)
    assert data.fields == {"point": VectorField(2), "label": ClassField(("red", "green", "blue"))}
    assert data.counts == {"train": 15_000, "validation": 0, "test": 15_000}
    for label, centre in enumerate((-2, 0, 2)):
        points = data.arrays["point"][data.arrays["label"] == label]
        assert points.mean(0).tolist() == pytest.approx([centre, 0], abs=0.08)  # four standard errors
        assert points.std(0).tolist() == pytest.approx([0.5, 2.0], rel=0.03)
        assert torch.corrcoef(points.T)[0, 1].abs() < 0.04


def test_the_points_are_the_same_everywhere_and_differ_by_seed(tmp_path: Path) -> None:
    first, again, other = (cached(ToyClasses(count=30, seed=seed), folder=tmp_path) for seed in (0, 0, 1))
    assert first.arrays["point"][0].tolist() == pytest.approx([1.764052346 / 4 - 2, 0.4001572084])
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_it_conforms_and_half_of_each_class_is_for_testing() -> None:
    check_dataset(ToyClasses, options={"count": 36})
    source = ToyClasses(count=36).source()
    assert source.images is None
    for label in range(3):
        assert (source.split[source.labels["label"] == label] == TEST).sum() == 6
