"""The ranking of runs as a comparison; its mathematics is tested with the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import udr as udr_of
from semreg_disentanglement.comparisons import udr
from torch import Tensor

from semreg.core import Handle
from semreg.testing import FakeRun, check_comparison

Made = Callable[..., Tensor]


def handles(codes: Sequence[Tensor]) -> list[Handle]:
    return [FakeRun(tensors={"z": {"test": one}}, functions={}, fields={}).tensor("z") for one in codes]


def names(codes: Sequence[Tensor]) -> list[str]:
    return [f"seed {number}" for number in range(len(codes))]


@pytest.fixture
def codes(noise: Made) -> list[Tensor]:
    """Of three runs: the same four numbers, in another order and with other signs, and mixed."""
    told = noise(200, 4, 1).float()
    return [told, -told[:, [2, 0, 3, 1]], (noise(200, 4, 1) @ noise(4, 4, 2)).float()]


def test_it_conforms(codes: list[Tensor]) -> None:
    check_comparison(udr, *handles(codes), options={"draws": 2})


def test_figures_table_and_picture_are_of_the_function(codes: list[Tensor]) -> None:
    found = udr(*handles(codes), names=names(codes), similarity="spearman", draws=3)
    scores = udr_of(codes, similarity="spearman").scores
    assert found.figures["udr"] == pytest.approx(float(scores.mean()))
    assert found.figures["udr_best"] == pytest.approx(float(scores.max()))
    assert found.figures["udr_low"] < found.figures["udr"] < found.figures["udr_high"]
    assert found.figures["udr_chance"] < found.figures["udr"] - 0.2
    [table], [picture] = found.tables, found.pictures
    assert [row[0] for row in table.rows] == ["seed 0", "seed 1", "seed 2"]
    assert [row[1] for row in table.rows] == pytest.approx(scores.tolist())
    assert [row[2:] for row in table.rows] == [(4, 4)] * 3
    assert "rank correlations, on 200 test images" in picture.caption


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**31), factor=st.floats(0.1, 10))
def test_order_sign_scale_and_dead_numbers_change_nothing(seed: int, factor: float) -> None:
    codes = [torch.randn(60, 3, generator=torch.Generator().manual_seed(seed + run)) for run in range(3)]
    order = torch.randperm(3, generator=torch.Generator().manual_seed(seed))
    other = [torch.cat([-factor * code[:, order], torch.ones(60, 1)], 1) for code in codes]
    first, second = (
        udr(*handles(some), names=names(some), similarity="spearman", least_variance=0.0, draws=2)
        for some in (codes, other)
    )
    assert first.figures.keys() == second.figures.keys()
    assert second.figures == pytest.approx(first.figures)
    assert [row[1] for row in second.tables[0].rows] == pytest.approx([row[1] for row in first.tables[0].rows])


def test_spatial_codes_are_averaged_over_places(codes: list[Tensor]) -> None:
    offsets = torch.randn(2, 2, generator=torch.Generator().manual_seed(0))
    spatial = [code[:, :, None, None] + offsets - offsets.mean() for code in codes]
    flat, averaged = (udr(*handles(some), names=names(some), draws=2).figures for some in (codes, spatial))
    assert averaged == pytest.approx(flat, abs=1e-5)


def test_so_many_images_are_drawn(codes: list[Tensor]) -> None:
    found = udr(*handles(codes), names=names(codes), count=50, draws=2)
    assert "on 50 test images" in found.tables[0].caption
    again = udr(*handles(codes), names=names(codes), count=50, draws=2)
    assert again.figures == found.figures


def test_codes_that_are_not_finite_are_told(codes: list[Tensor]) -> None:
    codes[1][3, 2] = torch.nan
    with pytest.raises(ValueError, match="'z' is not finite for 1 of the 200 test images"):
        udr(*handles(codes), names=names(codes), draws=2)
