"""Images that share a factor's value: who is drawn with whom."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement.functional.common import Inputs
from semreg_disentanglement.functional.sharing import Sharing, require_two_factors, sharing
from torch import Tensor


def inputs_of(factors: Tensor) -> Inputs:
    places = torch.arange(factors.shape[1])
    return Inputs(factors.double(), factors, places, places, (len(places), len(places)), ("factor 7 is constant",))


def sharing_of(classes: list[int]) -> tuple[Tensor, Sharing]:
    """The classes, numbered from 0 without a gap, and who shares them."""
    _, values = torch.tensor(classes).unique(return_inverse=True)
    [found] = sharing("metric", inputs_of(values[:, None]))
    return values, found


some_classes = st.lists(st.integers(0, 4), min_size=6, max_size=40)  # more images than values: two share one


@settings(max_examples=50)
@given(some_classes, st.integers(0, 2**31))
def test_those_who_are_drawn_share_the_value(classes: list[int], seed: int) -> None:
    values, found = sharing_of(classes)
    generator = torch.Generator().manual_seed(seed)
    images = found.draw(30, generator)
    partners, alike = found.partners(images, generator), found.alike(images, 5, generator)
    assert torch.equal(values[partners], values[images])
    assert bool((partners != images).all())
    assert torch.equal(values[alike], values[images, None].expand(-1, 5))


@settings(max_examples=50)
@given(some_classes)
def test_groups_are_all_images_of_a_value_that_several_have(classes: list[int]) -> None:
    values, found = sharing_of(classes)
    groups = [sorted(group.tolist()) for group in found.groups()]
    rows = [(values == value).nonzero().flatten().tolist() for value in values.unique()]
    assert groups == [of_value for of_value in rows if len(of_value) > 1]


def test_all_images_of_the_value_are_drawn_as_often() -> None:
    _, found = sharing_of([1, 0, 1, 1, 0, 2])
    generator = torch.Generator().manual_seed(0)
    first = torch.zeros(6000, dtype=torch.int64)
    alike = found.alike(first[:2000], 3, generator).flatten().bincount(minlength=6)
    partners = found.partners(first, generator).bincount(minlength=6)
    images = found.draw(6000, generator).bincount(minlength=6)
    assert alike.tolist() == pytest.approx([2000, 0, 2000, 2000, 0, 0], abs=150)
    assert partners.tolist() == pytest.approx([0, 0, 3000, 3000, 0, 0], abs=150)
    assert images.tolist() == pytest.approx([1200, 1200, 1200, 1200, 1200, 0], abs=150)  # the last is alone


def test_a_factor_whose_value_no_two_images_share_is_refused() -> None:
    with pytest.raises(ValueError, match="metric: no two images share a value of factor 1"):
        sharing("metric", inputs_of(torch.stack([torch.zeros(5, dtype=torch.int64), torch.arange(5)], 1)))


def test_one_factor_is_refused_where_factors_are_told_apart() -> None:
    with pytest.raises(
        ValueError, match=r"metric: the metric compares factors, and only one varies \(factor 7 is constant\)"
    ):
        require_two_factors("metric", inputs_of(torch.arange(6)[:, None]))
