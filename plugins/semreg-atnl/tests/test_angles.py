"""Properties of angles and directions, against chords in float64."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from semreg_atnl import unit
from semreg_atnl.functional import angles, normalize
from torch import Tensor

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

    def test_gradcheck(self) -> None:
        assert torch.autograd.gradcheck(normalize, (normal(0, 4, 3).requires_grad_(),))
