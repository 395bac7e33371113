"""Scores by images that share a factor, of a run; the mathematics is tested with the functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from semreg_disentanglement.evaluations.pairs import beta_vae_score, factor_vae_score, irs
from torch import Tensor

from semreg.core import AttributesField, ClassField
from semreg.testing import FakeRun

FEW: dict[Any, dict[str, int]] = {
    factor_vae_score: {"votes": 90, "test_votes": 90, "batch": 16},
    beta_vae_score: {"points": 90, "test_points": 90, "batch": 8},
    irs: {},
}
SCORES = pytest.mark.parametrize("score", FEW, ids=lambda score: score.__name__)
TOLD_APART = pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score], ids=lambda score: score.__name__)


@pytest.fixture
def world(grid: Callable[..., Tensor]) -> FakeRun:
    """A run whose code is its factors, one of them turned round, and a number that is constant."""
    factors = grid(2, 3, 4, images=240)
    code = torch.cat([factors * torch.tensor([1.0, -2.0, 1.0]), torch.ones(len(factors), 1)], 1)
    columns = {
        "shape": factors[:, 0],
        "size": factors[:, 1],
        "place": factors[:, 2],
        "tall": (factors[:, 2:] > 1).float(),
    }
    return FakeRun(
        tensors={"z": {"test": code}, **{name: {"test": column} for name, column in columns.items()}},
        functions={},
        fields={
            "shape": ClassField(("round", "square")),
            "size": ClassField(("small", "middle", "large"), "line"),
            "place": ClassField(("north", "east", "south", "west"), "ring"),
            "tall": AttributesField(("tall",)),
        },
    )


@SCORES
def test_a_perfect_code_has_one_and_the_chance_is_told(score: Any, world: FakeRun) -> None:
    found = score(world.tensor("z"), draws=2, **FEW[score])
    name = score.__name__
    assert found.figures[name] == pytest.approx(1)
    assert found.figures[f"{name}_chance"] < 0.7
    assert set(found.figures) == {name, f"{name}_chance", f"{name}_low", f"{name}_high"}
    assert [row[:2] for row in found.tables[1].rows] == [("shape", 0), ("size", 1), ("place", 2)]
    assert len(found.pictures) == 1
    assert "of 4 dimensions those that vary are read, 3" in found.tables[0].caption


@SCORES
def test_attributes_are_factors_too(score: Any, world: FakeRun) -> None:
    factors = [world.tensor("shape"), world.tensor("tall")]
    found = score(world.tensor("z"), *factors, draws=2, **FEW[score])
    assert [row[0] for row in found.tables[1].rows] == ["shape", "tall"]


@TOLD_APART
def test_one_factor_is_refused_before_training_and_after(score: Any, world: FakeRun) -> None:
    code, shape = world.tensor("z"), world.tensor("shape")
    world.tensors["size"]["test"] = torch.zeros(240, dtype=torch.int64)
    world.tensors["place"]["test"] = torch.zeros(240, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"'z': the metric compares factors, and only one varies .*place"):
        score.before_training(code, split="test")  # of all fields of classes, whose names are said
    with pytest.raises(ValueError, match="only one varies"):
        score.before_training(code, shape, split="test")
    with pytest.raises(ValueError, match="only one varies"):
        score(code, shape, draws=2, **FEW[score])


def test_irs_takes_one_factor(world: FakeRun) -> None:
    irs.before_training(world.tensor("z"), world.tensor("shape"), split="test")
    assert irs(world.tensor("z"), world.tensor("shape"), draws=2).figures["irs"] < 1
