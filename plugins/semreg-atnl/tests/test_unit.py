"""Directions, angles and great circles, by the functions that face them: against chords in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from semreg_atnl import unit
from semreg_atnl.functional import angles, normalize, spherical_interpolation
from torch import Tensor

from semreg.core.shapes import as_on_a_device

seeds = st.integers(0, 2**31 - 1)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def exact_angles(a: Tensor, b: Tensor) -> Tensor:
    """Row by row in float64, from chords, with autograd's derivative."""
    first, second = (x.double() / x.double().norm(dim=1, keepdim=True) for x in (a, b))
    return 2 * torch.atan2((first - second).norm(dim=1), (first + second).norm(dim=1))


class TestAngles:
    @given(seeds, st.integers(2, 64), st.floats(-8, 0), st.sampled_from([1, -1]))
    @settings(deadline=None)
    def test_within_a_millionth_of_float64_at_any_distance_from_0_and_pi(
        self, seed: int, size: int, exponent: float, sign: int
    ) -> None:
        a = normal(seed, 6, size, dtype=torch.float32)
        b = sign * (a + 10**exponent * normal(seed + 1, 6, size, dtype=torch.float32))
        found = angles(a, b)
        assert found.dtype == torch.float32
        first, second = a.repeat_interleave(6, 0), b.repeat(6, 1)
        expected = exact_angles(first, second).view(6, 6)
        assert (found.double() - expected).abs().max() < 1e-6

    @given(seeds, st.integers(2, 64), st.floats(-6, 0), st.sampled_from([1, -1]))
    @settings(deadline=None)
    def test_the_gradient_is_accurate_from_a_millionth_off(
        self, seed: int, size: int, exponent: float, sign: int
    ) -> None:
        a = normal(seed, 6, size, dtype=torch.float32)
        across = normal(seed + 1, 6, size, dtype=torch.float32)
        across -= (across * a).sum(1, keepdim=True) / a.square().sum(1, keepdim=True) * a
        across *= a.norm(dim=1, keepdim=True) / across.norm(dim=1, keepdim=True)
        b = sign * (a + 10**exponent * across)
        leaves = [x.clone().requires_grad_() for x in (a, b)]
        angles(*leaves).diagonal().sum().backward()
        exact = [x.clone().requires_grad_() for x in (a, b)]
        expected = exact_angles(*exact)
        assume(expected.detach().sin().min() > 5e-7)  # rounding b to float32 moves it
        expected.sum().backward()
        for found, wanted in zip(leaves, exact, strict=True):
            error = (found.grad - wanted.grad).norm(dim=1) / wanted.grad.norm(dim=1)
            assert error.max() < 1e-5

    @given(seeds, st.integers(1, 16), st.sampled_from([1.0, 2.0, -1.0, -0.5]), st.integers(0, 40))
    @settings(deadline=None)
    def test_exactly_0_and_pi_with_a_derivative_of_0(self, seed: int, size: int, factor: float, power: int) -> None:
        a = normal(seed, 5, size, dtype=torch.float32).requires_grad_()
        b = (factor * 10.0 ** (power - 20) * a.detach().double()).requires_grad_()  # parallel but for rounding
        found = angles(a, b).diagonal()
        expected = torch.full((5,), 0.0 if factor > 0 else math.pi, dtype=torch.float64)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)
        found.sum().backward()
        assert (a.grad == 0).all()
        assert (b.grad == 0).all()

    @given(seeds)
    @settings(deadline=None)
    def test_gradient_finite_everywhere(self, seed: int) -> None:
        a = normal(seed, 8, 3, dtype=torch.float32)
        a[1], a[2], a[3] = a[0], -a[0], torch.nextafter(a[0], torch.tensor(9.0))
        a.requires_grad_()
        angles(a, a).sum().backward()
        assert a.grad.isfinite().all()
        # The length of an angle's derivative is one over the code's norm: no pair can give more.
        assert (a.grad.norm(dim=1) <= 2 * 8 / a.detach().norm(dim=1) * (1 + 1e-4)).all()

    @given(seeds)
    @settings(max_examples=20, deadline=None)
    def test_gradcheck(self, seed: int) -> None:
        a, b = normal(seed, 3, 4).requires_grad_(), normal(seed + 1, 5, 4).requires_grad_()
        assert torch.autograd.gradcheck(angles, (a, b))

    def test_close_pairs_in_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a = normal(0, 1, 5) + 1e-7 * normal(1, 9, 5)
        whole = angles(a, a)
        monkeypatch.setattr(unit, "CHUNK", 20)
        assert (angles(a, a) == whole).all()
        with as_on_a_device():
            torch.testing.assert_close(angles(a, a), whole, rtol=1e-12, atol=0)
            torch.testing.assert_close(angles(a, -a), angles(-a, a), rtol=1e-12, atol=0)
            assert (angles(a, a).diagonal() == 0).all()
        assert (whole[~torch.eye(9, dtype=torch.bool)] > 0).all()

    @given(st.sampled_from([1e-300, 1e-20, 1e20, 1e300]))
    def test_lengths_neither_overflow_nor_underflow(self, scale: float) -> None:
        codes = normal(0, 4, 3)
        torch.testing.assert_close(normalize(codes * scale), normalize(codes))
        torch.testing.assert_close(angles(codes * scale, codes), angles(codes, codes), rtol=0, atol=1e-7)

    def test_shapes(self) -> None:
        assert angles(normal(0, 3, 4), normal(0, 5, 4)).shape == (3, 5)
        assert angles(normal(0, 0, 4), normal(0, 5, 4)).shape == (0, 5)
        with pytest.raises(ValueError, match=r"found \(3, 4\) and \(5, 3\)"):
            angles(normal(0, 3, 4), normal(0, 5, 3))


class TestNormalize:
    @given(seeds, st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    def test_unit_norm_and_the_same_direction(self, seed: int, dtype: torch.dtype) -> None:
        codes = normal(seed, 5, 4, dtype=dtype)
        found = normalize(codes)
        assert found.dtype == dtype
        epsilon = torch.finfo(dtype).eps
        torch.testing.assert_close(found.double().norm(dim=1), torch.ones(5).double(), rtol=0, atol=2 * epsilon)
        assert (angles(codes.double(), found.double()).diagonal() < 4 * epsilon).all()

    def test_on_a_device_what_has_no_direction_is_not_a_number(self) -> None:
        codes = torch.tensor([[1.0, 0.0], [0.0, 0.0], [math.nan, 1.0]])
        with as_on_a_device():
            assert normalize(codes).isnan().all(1).tolist() == [False, True, True]

    def test_gradcheck(self) -> None:
        assert torch.autograd.gradcheck(normalize, (normal(0, 4, 3).requires_grad_(),))


weights = st.floats(0, 1)


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
