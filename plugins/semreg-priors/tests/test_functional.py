"""The mathematics of the sphere in both precisions, and where it is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from semreg_priors import functional
from semreg_priors.functional import (
    gamma_noise,
    laplace_kl,
    power_spherical_draw,
    power_spherical_kl,
    sphere_log_area,
    unit,
)


@pytest.mark.parametrize(("size", "area"), [(2, 2 * math.pi), (3, 4 * math.pi), (4, 2 * math.pi**2)])
def test_the_area_of_known_spheres(size: int, area: float) -> None:
    assert sphere_log_area(size) == pytest.approx(math.log(area))


def test_directions_have_length_one_and_nothing_has_none() -> None:
    codes = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert unit(codes)[0].tolist() == pytest.approx([0.6, 0.8])
    assert unit(codes).isfinite().all()


@pytest.mark.parametrize("size", [2, 8, 64])
def test_divergences_keep_their_digits_in_float32(size: int) -> None:
    concentration = torch.tensor([1e-3, 1.0, 1e3, 1e5], dtype=torch.float64)
    torch.testing.assert_close(
        power_spherical_kl(concentration.float(), size).double(), power_spherical_kl(concentration, size),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_directions_and_draws_are_as_long_as_they_should(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    direction = unit(torch.tensor([[3.0, 4.0]], dtype=dtype))
    draw = power_spherical_draw(direction, torch.tensor([5.0], dtype=dtype), generator=generator)
    for vectors in (direction, draw):
        assert vectors.dtype == dtype
        assert float(vectors.float().norm()) == pytest.approx(1, abs=0.01)
    draws = gamma_noise(torch.full((2000,), 2.0, dtype=dtype), generator=generator)
    assert draws.dtype == dtype
    assert float(draws.float().mean()) == pytest.approx(2, abs=0.15)


def test_the_divergence_from_laplace_stays_a_number_where_there_is_no_noise() -> None:
    mean = torch.tensor([0.0, 2.0], requires_grad=True)
    log_variance = torch.full((2,), -300.0, requires_grad=True)
    found = laplace_kl(mean, log_variance, 1.0)
    expected = mean.abs() + math.log(2) - 0.5 * (math.log(2 * math.pi) + 1 - 300)
    torch.testing.assert_close(found, expected)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert mean.grad is not None
    assert mean.grad.tolist() == [0.0, 1.0]
    assert log_variance.grad is not None
    assert log_variance.grad.tolist() == [-0.5, -0.5]


def test_a_draw_has_length_one_where_its_noise_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "normal_noise", lambda shape, **_: torch.zeros(shape))
    draw = power_spherical_draw(torch.eye(2), torch.ones(2), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(draw.norm(dim=1), torch.ones(2))
