"""The shared mathematics, against torch.distributions and numerical gradients."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from semreg.components.functional import gaussian_log_density, normal_noise, standard_normal_kl

numbers = st.floats(-6, 6)
double = torch.float64


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_the_kl_is_that_of_torch_distributions(pairs: list[tuple[float, float]]) -> None:
    mean, log_variance = torch.tensor(pairs, dtype=double).unbind(1)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros_like(mean), 1.0))
    torch.testing.assert_close(standard_normal_kl(mean, log_variance), expected, rtol=1e-9, atol=1e-9)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=8))
def test_the_log_density_is_that_of_torch_distributions(rows: list[tuple[float, float, float]]) -> None:
    codes, mean, log_variance = torch.tensor(rows, dtype=double).unbind(1)
    expected = Normal(mean, (0.5 * log_variance).exp()).log_prob(codes)
    torch.testing.assert_close(gaussian_log_density(codes, mean, log_variance), expected, rtol=1e-9, atol=1e-9)


@given(st.floats(-1e-3, 1e-3))
def test_the_kl_keeps_its_digits_near_zero(log_variance: float) -> None:
    value = standard_normal_kl(torch.zeros(1), torch.tensor([log_variance]))
    v = torch.tensor([log_variance], dtype=torch.float32).double()
    # the series of (exp(v) - 1 - v) / 2; float32 exp(v) - 1 - v would be off by up to 6e-8
    torch.testing.assert_close(value.double(), v**2 / 4 + v**3 / 12, rtol=0, atol=1e-10)


def test_gradients_are_right() -> None:
    torch.manual_seed(0)
    a, b, c = (torch.randn(3, 4, dtype=double, requires_grad=True) for _ in range(3))
    assert torch.autograd.gradcheck(standard_normal_kl, (a, b))
    assert torch.autograd.gradcheck(gaussian_log_density, (a, b, c))


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from([torch.float64, torch.float32, torch.bfloat16]))
def test_noise_is_one_draw_per_generator_state_at_any_precision(seed: int, dtype: torch.dtype) -> None:
    noise = normal_noise((3, 5), like=torch.empty(0, dtype=dtype), generator=torch.Generator().manual_seed(seed))
    single = normal_noise((3, 5), like=torch.empty(0), generator=torch.Generator().manual_seed(seed))
    assert noise.dtype == dtype
    assert torch.equal(noise, single.to(dtype))


def test_noise_is_standard_normal() -> None:
    noise = normal_noise((200_000,), like=torch.empty(0), generator=torch.Generator().manual_seed(0))
    assert noise.mean().abs() < 0.01
    assert (noise.var() - 1).abs() < 0.02
    assert ((noise.abs() < 1).float().mean() - math.erf(1 / math.sqrt(2))).abs() < 0.01
