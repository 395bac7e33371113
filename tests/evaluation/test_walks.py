"""Strips of images between classes, with and without a judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.evaluation.walks import interpolation_strip


def evaluated(world: Any, seed: int = 0, **options: Any) -> Any:
    inputs = map(world.tensor, ("z", "digit", "reconstruction"))
    return interpolation_strip(*inputs, generator=torch.Generator().manual_seed(seed), **options)


def test_the_judge_names_the_classes_on_the_way(world: Any) -> None:
    result = evaluated(world, judge=world, pairs=2)
    (table,) = result.tables
    assert [row[0] for row in table.rows] == ["linear", "linear"]
    for _, said in table.rows:
        names = said.split(" ")
        assert len(names) == 14
        assert list(dict.fromkeys(names)) == ["zero", "one", "two"]  # the chord turns the shorter way
        assert names == sorted(names, key=["zero", "one", "two"].index)
    assert result.pictures[0].title == "From zero to two"


def test_without_a_judge_there_are_pictures_alone(world: Any) -> None:
    result = evaluated(world)
    assert (result.tables, len(result.pictures)) == ([], 1)


def test_every_interpolator_walks_between_the_same_images(
    world: Any, register: Callable[[str, str, Any], None]
) -> None:
    ends: list[tuple[Tensor, Tensor]] = []

    def jump(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
        ends.append((a[0], b[0]))
        return torch.where(weight < 0.5, a, b)

    register("interpolator", "jump", jump)
    register("interpolator", "leap", jump)
    result = evaluated(world, interpolators=["jump", "leap"], start="four", end="one", images=4, pairs=1, judge=world)
    assert result.tables[0].rows == [("jump", "four four one one"), ("leap", "four four one one")]
    assert torch.equal(ends[0][0], ends[1][0])
    assert torch.equal(ends[0][1], ends[1][1])
    assert any(torch.equal(ends[0][0], code) for code in world.tensors["z"]["test"])


def test_the_same_generator_gives_the_same_strips_and_another_others(world: Any) -> None:
    assert evaluated(world) == evaluated(world)
    assert evaluated(world) != evaluated(world, seed=1)


def test_unknown_and_absent_classes_are_told(world: Any) -> None:
    with pytest.raises(ValueError, match="start: there is no class 'fuor'; did you mean 'four'"):
        evaluated(world, start="fuor")
    world.tensors["digit"]["test"][world.tensors["digit"]["test"] == 2] = 1
    with pytest.raises(ValueError, match="no test image is of class 'two'"):
        evaluated(world)


def test_a_judge_of_other_classes_or_other_images_is_refused(world: Any) -> None:
    judge = type(world)(
        tensors=world.tensors, functions={"probability": lambda image: torch.zeros(len(image), 7)}, fields=world.fields
    )
    with pytest.raises(ValueError, match=r"must be \(rows, 5 classes\), found \(14, 7\)"):
        evaluated(world, judge=judge)
    world.functions["reconstruction"] = lambda z: torch.zeros(len(z), 1, 8, 8)
    with pytest.raises(ValueError, match=r"the decoder's have shape \(1, 8, 8\)"):
        evaluated(world, judge=world)


def test_a_decoder_that_leaves_the_range_is_clipped_before_it_is_judged(world: Any) -> None:
    received = []

    def judge(image: Tensor) -> Tensor:
        received.append(image)
        return torch.eye(5)[torch.zeros(len(image), dtype=torch.int64)]

    world.functions |= {"reconstruction": lambda z: torch.full((len(z), 1, 4, 4), 3.0), "probability": judge}
    evaluated(world, judge=world)
    assert received[0].max() == 1
