"""The mathematics of the sphere in both precisions, and where it is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from semreg_priors.functional import power_spherical_kl, sphere_log_area, unit


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
