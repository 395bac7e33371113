"""Simple classifiers on codes whose classes are known to be apart, or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from semreg.core import DiagonalGaussian
from semreg.evaluation.probes import knn, linear_probe

probes = pytest.mark.parametrize("probe", [linear_probe, knn], ids=["linear_probe", "knn"])


@probes
def test_classes_that_lie_apart_are_all_read(probe: Callable[..., Any], world: Any) -> None:
    result = probe(world.tensor("z"), world.tensor("digit"))
    assert result.figures["accuracy"] == 1
    assert result.outcomes == {"accuracy": [True] * 60}
    assert result.tables[0].rows[0] == ("zero", 12, 1.0)
    assert "100.00% of 60 test images right" in result.summary


@probes
def test_what_is_wrong_is_told_image_by_image_and_class_by_class(probe: Callable[..., Any], world: Any) -> None:
    codes = world.tensors["z"]["test"]
    codes[5], codes[6] = codes[7].clone(), codes[10].clone()  # a zero like a two, a one like a zero
    result = probe(world.tensor("z"), world.tensor("digit"))
    assert result.figures["accuracy"] == pytest.approx(58 / 60)
    assert [row for row, right in enumerate(result.outcomes["accuracy"]) if not right] == [5, 6]
    assert [row[2] for row in result.tables[0].rows] == pytest.approx([11 / 12, 11 / 12, 1, 1, 1])


def test_a_layer_is_linear(world: Any) -> None:
    """No line tells which quadrant's sign product is positive; neighbours do."""
    generator = torch.Generator().manual_seed(0)
    for split, count in (("train", 400), ("test", 200)):
        codes = torch.rand(count, 2, generator=generator) * 2 - 1
        world.tensors["z"][split], world.tensors["digit"][split] = codes, (codes.prod(1) > 0).long()
    inputs = world.tensor("z"), world.tensor("digit")
    assert linear_probe(*inputs).figures["accuracy"] < 0.7
    assert knn(*inputs).figures["accuracy"] > 0.9


def test_the_probe_does_not_care_for_the_codes_scale(world: Any) -> None:
    for rows in world.tensors["z"].values():
        rows[:, 0] = 1e-4 * rows[:, 0] + 7
    assert linear_probe(world.tensor("z"), world.tensor("digit")).figures["accuracy"] == 1


def test_neighbours_by_angle_do_not_care_for_length(world: Any) -> None:
    world.tensors["z"]["test"] *= 100
    assert knn(world.tensor("z"), world.tensor("digit"), metric="cosine").figures["accuracy"] == 1


@probes
def test_one_class_is_refused(probe: Callable[..., Any], world: Any) -> None:
    world.tensors["digit"]["train"].fill_(3)
    with pytest.raises(ValueError, match="all training images are of class 'three'"):
        probe(world.tensor("z"), world.tensor("digit"))


@probes
def test_a_test_class_without_images_has_no_accuracy(probe: Callable[..., Any], world: Any) -> None:
    keep = world.tensors["digit"]["test"] != 4
    for name in ("z", "digit"):
        world.tensors[name]["test"] = world.tensors[name]["test"][keep]
    result = probe(world.tensor("z"), world.tensor("digit"))
    assert result.tables[0].rows[4] == ("four", 0, None)
    assert result.figures["accuracy"] == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (torch.zeros(100, 2, 3), r"must be codes \(batch, code\); an image of it has shape \(2, 3\)"),
        (DiagonalGaussian(torch.zeros(100, 2), torch.zeros(100, 2)), "is a DiagonalGaussian"),
        (torch.full((100, 2), torch.nan), "not finite for 100 of the 100 train images"),
    ],
    ids=["shape", "posterior", "not finite"],
)
def test_what_are_no_codes_is_refused(code: Any, message: str, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = world.tensor("z")
    monkeypatch.setattr(handle, "read", lambda split, **_: code)
    with pytest.raises(ValueError, match=message):
        linear_probe(handle, world.tensor("digit"))


def test_labels_that_are_no_classes_are_refused(world: Any) -> None:
    with pytest.raises(ValueError, match="'z' is not a field of classes"):
        linear_probe(world.tensor("z"), world.tensor("z"))


def test_more_neighbours_than_images_are_refused(world: Any) -> None:
    with pytest.raises(ValueError, match="neighbors is 101, and there are 100 training images"):
        knn(world.tensor("z"), world.tensor("digit"), neighbors=101)
