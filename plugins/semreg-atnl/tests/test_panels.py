"""A slider along the order of classes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_atnl.panels import along, nearest, order
from semreg_atnl.unit import unit_and_length

from semreg.testing import check_panel
from semreg.trained.run import Run
from tests.exploring.conftest import folder, run

__all__ = ["folder", "run"]


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = 3 * torch.randn(1, 5, generator=generator)
    return codes, unit_and_length(torch.randn(4, 5, generator=generator))[0]


@given(seed=st.integers(0, 2**31), place=st.floats(0, 4))
def test_lengths_stay_and_the_own_place_is_the_code(seed: int, place: float) -> None:
    codes, directions = drawn(seed)
    own = nearest(codes, directions)
    assert torch.equal(along(codes, directions, own), codes)
    moved = along(codes, directions, place)
    assert moved.dtype == codes.dtype
    assert float(moved.norm()) == pytest.approx(float(codes.norm()), rel=1e-4)


@given(seed=st.integers(0, 2**31), place=st.integers(0, 4))
def test_a_code_on_its_class_goes_to_the_other_class(seed: int, place: int) -> None:
    _, directions = drawn(seed)
    moved = along(directions[1][None].float(), directions, place)
    assert torch.allclose(moved.double(), directions[place % 4][None], atol=1e-5)


@given(seed=st.integers(0, 2**31), place=st.floats(0, 3.99))
def test_small_moves_change_little(seed: int, place: float) -> None:
    codes, directions = drawn(seed)
    step = along(codes, directions, place + 1e-4) - along(codes, directions, place)
    offset = unit_and_length(codes)[0] - directions[nearest(codes, directions)]
    if float(offset.norm()) < 0.5:  # a far offset may cancel a direction
        assert float(step.norm()) < 0.1


def test_it_conforms(run: Run) -> None:
    check_panel(order, run)


def test_numbers_are_not_said_to_be_themselves(run: Run) -> None:
    panel = order(run)
    assert panel is not None
    assert panel.about.endswith("its style goes with it: 10 is 0 again.")
