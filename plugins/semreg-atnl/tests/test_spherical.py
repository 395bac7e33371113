"""Properties of the path along a great circle."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from semreg_atnl.functional import angles, normalize, spherical_interpolation
from torch import Tensor

seeds = st.integers(0, 2**31 - 1)
weights = st.floats(0, 1)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Codes `(4, 5)`, far apart or close, away from antipodal."""
    seed, exponent = draw(seeds), draw(st.floats(-9, 0.5))
    a = normal(seed, 4, 5)
    b = a + 10**exponent * normal(seed + 1, 4, 5)
    assume(angles(a, b).diagonal().max() < math.pi - 1e-3)
    return a, b


class TestSpherical:
    @given(pairs(), weights)
    @settings(deadline=None)
    def test_unit_norm_and_symmetric(self, ends: tuple[Tensor, Tensor], weight: float) -> None:
        a, b = ends
        point = spherical_interpolation(a, b, weight)
        torch.testing.assert_close(point.norm(dim=1), torch.ones(4).double(), rtol=0, atol=1e-12)
        torch.testing.assert_close(point, spherical_interpolation(b, a, 1 - weight), rtol=0, atol=1e-12)

    @given(pairs())
    @settings(deadline=None)
    def test_the_ends_are_the_directions(self, ends: tuple[Tensor, Tensor]) -> None:
        a, b = ends
        assert torch.equal(spherical_interpolation(a, b, 0), normalize(a))
        assert torch.equal(spherical_interpolation(a, b, 1.0), normalize(b))

    @given(pairs(), weights)
    @settings(deadline=None)
    def test_constant_angular_speed(self, ends: tuple[Tensor, Tensor], weight: float) -> None:
        a, b = ends
        whole = angles(a, b).diagonal()
        point = spherical_interpolation(a, b, weight)
        torch.testing.assert_close(angles(a, point).diagonal(), weight * whole, rtol=1e-6, atol=1e-13)
        torch.testing.assert_close(angles(point, b).diagonal(), (1 - weight) * whole, rtol=1e-6, atol=1e-13)

    @given(seeds, weights, st.floats(-9, -3))
    @settings(deadline=None)
    def test_near_codes_go_almost_straight(self, seed: int, weight: float, exponent: float) -> None:
        a = normalize(normal(seed, 4, 5))
        b = normalize(a + 10**exponent * normal(seed + 1, 4, 5))
        difference = spherical_interpolation(a, b, weight) - torch.lerp(a, b, weight)
        assert difference.norm(dim=1).max() < 10 ** (2 * exponent) * 10 + 1e-15

    @given(seeds, weights, st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    @settings(deadline=None)
    def test_equal_codes_stay_where_they_are(self, seed: int, weight: float, dtype: torch.dtype) -> None:
        a = normal(seed, 4, 5, dtype=dtype)
        point = spherical_interpolation(a, a, weight)
        assert point.dtype == dtype
        torch.testing.assert_close(point, normalize(a), rtol=0, atol=2 * torch.finfo(dtype).eps)

    @given(seeds, weights, st.sampled_from([torch.float32, torch.float64]))
    @settings(deadline=None)
    def test_opposite_codes_take_a_great_circle_too(self, seed: int, weight: float, dtype: torch.dtype) -> None:
        a = normal(seed, 4, 5, dtype=dtype)
        point = spherical_interpolation(a, -2 * a, weight)
        torch.testing.assert_close(point.norm(dim=1), torch.ones(4, dtype=dtype), rtol=0, atol=1e-6)
        turned = angles(a, point).diagonal()
        torch.testing.assert_close(turned, torch.full_like(turned, weight * math.pi), rtol=0, atol=1e-6)
        halfway = spherical_interpolation(a, -a, 0.5)
        axis = a.abs().argmin(1)
        assert (halfway.argmax(1) == axis).all()
        assert torch.equal(spherical_interpolation(a, -a, 1), normalize(-a))

    def test_opposite_codes_of_one_dimension_are_refused(self) -> None:
        with pytest.raises(ValueError, match="one dimension"):
            spherical_interpolation(torch.ones(1, 1), -torch.ones(1, 1), 0.5)

    @given(pairs(), weights)
    @settings(deadline=None)
    def test_interpolated_norm(self, ends: tuple[Tensor, Tensor], weight: float) -> None:
        a, b = ends
        point = spherical_interpolation(a, b, weight, norm="interpolated")
        lengths = torch.lerp(a.norm(dim=1), b.norm(dim=1), weight)
        torch.testing.assert_close(point.norm(dim=1), lengths)
        torch.testing.assert_close(normalize(point), spherical_interpolation(a, b, weight))
        torch.testing.assert_close(spherical_interpolation(a, b, 0, norm="interpolated"), a)
        torch.testing.assert_close(spherical_interpolation(a, b, 1, norm="interpolated"), b)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_weights_broadcast(self, dtype: torch.dtype) -> None:
        a, b = normal(0, 4, 5, dtype=dtype), normal(1, 4, 5, dtype=dtype)
        each = torch.linspace(0, 1, 4)
        rows = spherical_interpolation(a, b, each[:, None])
        steps = spherical_interpolation(a, b, each[:, None, None])
        assert rows.shape == (4, 5)
        assert steps.shape == (4, 4, 5)
        for index, weight in enumerate(each):
            torch.testing.assert_close(steps[index], spherical_interpolation(a, b, float(weight)))
            torch.testing.assert_close(rows[index], steps[index, index])

    @given(seeds, st.floats(0.1, 0.9), st.sampled_from(["unit", "interpolated"]))
    @settings(max_examples=20, deadline=None)
    def test_gradcheck(self, seed: int, weight: float, norm: Any) -> None:
        a, b = normal(seed, 3, 4).requires_grad_(), normal(seed + 1, 3, 4).requires_grad_()
        share = torch.full((3, 1), weight, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda a, b, w: spherical_interpolation(a, b, w, norm=norm), (a, b, share))

    @pytest.mark.parametrize("factor", [1.0, -1.0, 1 + 1e-7])
    def test_gradients_are_finite_for_equal_and_opposite_codes(self, factor: float) -> None:
        a = normal(0, 4, 5, dtype=torch.float32).requires_grad_()
        b = (factor * a.detach()).requires_grad_()
        spherical_interpolation(a, b, 0.3)[:, 0].sum().backward()
        assert a.grad.isfinite().all()
        assert b.grad.isfinite().all()

    def test_bad_input(self) -> None:
        a = normal(0, 4, 5)
        with pytest.raises(ValueError, match=r"1 of 4 codes are zero \(row 2\)"):
            spherical_interpolation(a, torch.where(torch.arange(4)[:, None] == 2, 0.0, a), 0.5)
        with pytest.raises(ValueError, match="'unit' or 'interpolated', found 'none'"):
            spherical_interpolation(a, a, 0.5, norm="none")  # type: ignore[arg-type]
