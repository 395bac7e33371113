"""The shared mathematics, against torch.distributions and numerical gradients, and the precision of losses."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from semreg.components.functional import (
    at_least_float32,
    gaussian_draws,
    gaussian_log_density,
    in_float32,
    normal_noise,
    standard_normal_kl,
    undecorated,
)
from semreg.components.layers import HeadLinear
from semreg.core import DiagonalGaussian

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


@in_float32
def product(a: torch.Tensor, posterior: DiagonalGaussian, *, scale: float = 1.0) -> torch.Tensor:
    """A product of matrices, which autocast would compute in bfloat16."""
    return scale * (a @ posterior.mean.mT).sum()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("autocast", [False, True])
def test_what_is_decorated_computes_in_float32_whatever_it_is_given(dtype: torch.dtype, autocast: bool) -> None:
    a = torch.linspace(-1, 2, 300).view(3, 100).to(dtype)
    posterior = DiagonalGaussian(a.cos(), a.sin())
    expected = 2 * (a.float() @ posterior.mean.float().mT).sum()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        assert torch.equal(product(a, posterior, scale=2.0), expected)
        assert torch.is_autocast_enabled("cpu") == autocast


def test_more_precise_inputs_stay_and_so_does_what_is_no_number() -> None:
    a = torch.ones(2, 3, dtype=torch.float64)
    assert product(a, DiagonalGaussian(a, a)).dtype == torch.float64
    half = a.half()
    labels, module = torch.arange(2), torch.nn.Linear(1, 1)
    kept = at_least_float32((half, DiagonalGaussian(half, a), labels, module, "text"))
    assert [kept[0].dtype, kept[1].mean.dtype, kept[1].log_variance.dtype] == [
        torch.float32,
        torch.float32,
        torch.float64,
    ]
    assert isinstance(kept[1], DiagonalGaussian)
    assert kept[2] is labels
    assert kept[3] is module
    assert kept[4] == "text"


def test_a_gradient_arrives_in_the_type_of_the_input() -> None:
    a = torch.ones(2, 3, dtype=torch.float16, requires_grad=True)
    product(a, DiagonalGaussian(a.detach(), a.detach())).backward()
    assert a.grad is not None
    assert a.grad.dtype == torch.float16


def test_the_device_called_meta_has_no_autocast() -> None:
    a = torch.ones(2, 3, dtype=torch.bfloat16, device="meta")
    assert product(a, DiagonalGaussian(a, a)).dtype == torch.float32


def test_a_decorated_function_is_shown_as_it_is_and_decorated_once() -> None:
    assert list(inspect.signature(product).parameters) == ["a", "posterior", "scale"]
    assert (product.__name__, product.__doc__) == ("product", undecorated(product).__doc__)
    assert in_float32(product) is product
    assert not hasattr(undecorated(product), "__wrapped__")
    assert undecorated(math.sqrt) is math.sqrt


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_head_is_compiled_in_one_graph(precision: torch.dtype) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), HeadLinear(4, 2))
    whole = torch.compile(net, fullgraph=True, backend="eager")
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        assert whole(torch.ones(5, 3)).equal(net(torch.ones(5, 3)))


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**31))
def test_draws_have_the_mean_and_the_covariance_even_a_singular_one(size: int, points: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(points, size, generator=generator, dtype=double)
    mean, centred = rows.mean(0), rows - rows.mean(0)
    covariance = centred.mT @ centred / points
    drawn = gaussian_draws(mean, covariance, 20_000, generator=generator)
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0, atol=0.1)
    torch.testing.assert_close(torch.cov(drawn.mT).reshape(size, size), covariance, rtol=0, atol=0.3)
    # within the span of what there was
    beyond = torch.eye(size, dtype=double) - torch.linalg.pinv(centred) @ centred
    assert ((drawn - mean) @ beyond).abs().max() < 1e-6
    single = gaussian_draws(mean.float(), covariance, 3, generator=torch.Generator().manual_seed(seed))
    assert single.dtype == torch.float32
