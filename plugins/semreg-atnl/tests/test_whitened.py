"""The great circle around the codes' own centre."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_atnl.functional import spherical_interpolation
from semreg_atnl.whitened import Whitened
from torch import Tensor

SHAPE = torch.tensor([[3.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.1]], dtype=torch.float64)
SHIFT = torch.tensor([10.0, -5.0, 0.0], dtype=torch.float64)


def drawn(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator, dtype=torch.float64) @ SHAPE.mT + SHIFT


def fitted(codes: Tensor, **options: Any) -> Whitened:
    return Whitened(**options).fit(codes, torch.zeros(len(codes)), "none")


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), weight=st.floats(0, 1))
def test_its_mahalanobis_distance_stays_between_those_of_its_ends(seed: int, weight: float) -> None:
    codes, (a, b) = drawn(200), drawn(8, seed).view(2, 4, 3)
    inverse = torch.linalg.inv(codes.mT.cov())

    def distance(points: Tensor) -> Tensor:
        centred = points - codes.mean(0)
        return ((centred @ inverse) * centred).sum(1).sqrt()

    found = distance(fitted(codes)(a, b, weight))
    torch.testing.assert_close(found, torch.lerp(distance(a), distance(b), weight))


def test_without_scaling_it_is_the_great_circle_about_the_mean() -> None:
    codes, (a, b) = drawn(200), drawn(8, 1).view(2, 4, 3)
    mean = codes.mean(0)
    expected = mean + spherical_interpolation(a - mean, b - mean, 0.3, norm="interpolated")
    torch.testing.assert_close(fitted(codes, scaling="none")(a, b, 0.3), expected)


def test_a_diagonal_is_a_scale_for_each_number() -> None:
    codes, (a, b) = drawn(200), drawn(8, 1).view(2, 4, 3)
    factor = SHIFT.new_tensor([2.0, 5.0, 0.1])
    scaled = fitted(codes * factor, scaling="diagonal")(a * factor, b * factor, 0.3)
    torch.testing.assert_close(scaled, factor * fitted(codes, scaling="diagonal")(a, b, 0.3))


def test_codes_that_do_not_differ_along_a_direction_stay_finite() -> None:
    codes = drawn(50)
    codes[:, 2] = 1.0
    for scaling in ("full", "diagonal", "none"):
        assert fitted(codes, scaling=scaling)(codes[:4], codes[4:8], 0.5).isfinite().all()


def test_gradients_reach_both_ends() -> None:
    path = fitted(drawn(50))
    a, b = drawn(4, 1).view(2, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: path(a, b, 0.37), (a, b))


@pytest.mark.parametrize(
    ("codes", "options", "said"),
    [
        (torch.ones(5, 2), {}, "all of the codes are the same"),
        (torch.ones(1, 2), {}, "two codes"),
        (torch.full((5, 2), torch.inf), {}, "not finite"),
        (torch.rand(2, 1025), {}, 'a covariance of 1025 numbers is too large; scaling = "diagonal"'),
        (torch.rand(5, 2), {"scaling": "half"}, "found 'half'"),
    ],
)
def test_bad_input(codes: Tensor, options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fitted(codes, **options)


def test_it_is_fitted_before_it_is_called_on_codes_of_one_size() -> None:
    with pytest.raises(ValueError, match="is not fitted"):
        Whitened()(torch.ones(1, 2), torch.ones(1, 2), 0.5)
    with pytest.raises(ValueError, match="fitted on codes of 3 numbers; these have 2"):
        fitted(drawn(9))(torch.ones(1, 2), torch.ones(1, 2), 0.5)
