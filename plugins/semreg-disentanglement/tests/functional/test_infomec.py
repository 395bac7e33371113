"""Properties of InfoMEC."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import FactorWarning, infomec
from torch import Tensor

Made = Callable[..., Tensor]

FACTORS = torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(2)).repeat(40, 1)
seeds = st.integers(0, 2**31)


@settings(max_examples=5)
@given(seeds, st.permutations(range(3)))
def test_a_perfect_code_gives_one(noise: Made, seed: int, order: list[int]) -> None:
    scales = noise(1, 3, seed)[0].sign() * torch.tensor([1.0, 2.0, 4.0])
    found = infomec(FACTORS[:, order] * scales, FACTORS)
    assert (found.infom, found.infoc, found.infoe) == pytest.approx((1, 1, 1), abs=0.05)  # neighbours of equal codes
    assert [order[dimension] for dimension in found.coded_by.tolist()] == [0, 1, 2]
    assert found.matrix.dtype == found.by_factor.dtype == torch.float64


def test_information_of_two_normal_classes_is_the_integral(noise: Made) -> None:
    classes = torch.arange(6000) % 2
    codes = noise(1, 6000, 0)[0] + 2.0 * classes
    grid = torch.linspace(-8, 10, 20001, dtype=torch.float64)
    densities = torch.stack([torch.exp(-((grid - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0, 2)])
    whole = densities.mean(0)
    integral = float(torch.trapezoid((densities * (densities / whole).log()).mean(0), grid))
    found = infomec(torch.stack([codes, noise(1, 6000, 1)[0]], 1), classes)
    assert float(found.matrix[0]) == pytest.approx(integral / math.log(2), abs=0.03)
    assert float(found.matrix[1]) == pytest.approx(0, abs=0.03)
    assert math.isnan(found.infom)  # of one factor alone
    # A logistic regression is the true posterior of two such classes, so that it tells all the information.
    assert found.infoe == pytest.approx(integral / math.log(2), abs=0.03)


@settings(max_examples=5)
@given(seeds, st.permutations(range(3)), st.lists(st.sampled_from([-2.0, -0.5, 0.5, 1.0]), min_size=3, max_size=3))
def test_order_sign_scale_and_dead_dimensions_change_nothing(
    mixed: Made, seed: int, order: list[int], scales: list[float]
) -> None:
    codes = mixed(FACTORS, 3, seed)
    changed = torch.cat([(codes * torch.tensor(scales))[:, order], torch.full((len(codes), 1), 3.0)], 1)
    before, after = infomec(codes, FACTORS, least_range=0), infomec(changed, FACTORS, least_range=0)
    torch.testing.assert_close(after.matrix[:3], before.matrix[order], atol=1e-6, rtol=0)
    assert bool(after.matrix[3].isnan().all())
    assert (after.infom, after.infoc) == pytest.approx((before.infom, before.infoc), abs=1e-6)
    assert after.infoe == pytest.approx(before.infoe, abs=1e-3)


def test_a_rotation_lowers_modularity_and_compactness_and_no_explicitness(noise: Made) -> None:
    codes = 2 * FACTORS + 0.1 * noise(len(FACTORS), 3, 0)
    turned = codes / codes.std(0) @ torch.linalg.qr(noise(3, 3, 1)).Q
    before, after = infomec(codes, FACTORS), infomec(turned, FACTORS)
    assert after.infom < before.infom - 0.2
    assert after.infoc < before.infoc - 0.2
    assert after.infoe == pytest.approx(before.infoe, abs=0.02)


def test_doubled_dimensions_halve_what_one_has_of_a_factor(mixed: Made) -> None:
    codes = mixed(FACTORS, 3, 0)
    before, after = infomec(codes, FACTORS), infomec(torch.cat([codes, codes], 1), FACTORS)
    assert after.infom == pytest.approx(before.infom, abs=1e-6)
    share = before.infoc * (1 - 1 / 3) + 1 / 3  # of the largest dimension
    assert after.infoc == pytest.approx((share / 2 - 1 / 6) / (1 - 1 / 6), abs=1e-6)
    assert after.infoe == pytest.approx(before.infoe, abs=1e-3)


def test_a_dimension_that_hardly_varies_counts_in_explicitness_alone(noise: Made) -> None:
    codes = torch.cat([FACTORS[:, :2] + 0.1 * noise(len(FACTORS), 2, 0), 0.01 * FACTORS[:, 2:]], 1)
    found, without = infomec(codes, FACTORS), infomec(codes[:, :2], FACTORS)
    assert (found.infom, found.infoc) == (without.infom, without.infoc)
    assert float(found.matrix[2, 2]) > 0.9
    assert float(found.by_factor[2]) > 0.9
    assert float(without.by_factor[2]) < 0.1


def test_noise_has_no_explicitness_and_one_dimension_no_compactness(noise: Made) -> None:
    found = infomec(noise(len(FACTORS), 1, 0), FACTORS)
    assert found.infoe == pytest.approx(0, abs=0.03)
    assert found.infoe > 0
    assert math.isnan(found.infoc)


def test_a_factor_that_no_two_images_share_is_refused(noise: Made) -> None:
    message = r"infomec\(codes, factors\): no two images share a value of factor 1"
    with (
        pytest.warns(FactorWarning, match="60 of the 60 classes of factor 1"),
        pytest.raises(ValueError, match=message),
    ):
        infomec(noise(60, 2, 0), torch.stack([torch.arange(60) % 2, torch.arange(60)], 1))
