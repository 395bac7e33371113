"""Draws that follow a density are told from those that do not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from semreg.testing.statistics import greatest_deviation


@pytest.mark.parametrize("seed", range(8))
def test_what_is_right_is_rarely_taken_for_wrong(seed: int) -> None:
    """Two narrow clusters far apart, which no single scale of a proposal covers well."""
    source = torch.Generator().manual_seed(seed)
    which = torch.randint(2, (20_000,), generator=source)
    draws = 0.1 * torch.randn(20_000, 2, generator=source) + 4.0 * which[:, None]

    def log_density(codes: Tensor) -> Tensor:
        both = torch.stack([codes, codes - 4.0]).square().sum(-1) / (2 * 0.01)
        return torch.logsumexp(-both, 0) - math.log(2 * 2 * math.pi * 0.01)

    deviation, _ = greatest_deviation(draws, log_density, generator=source)
    assert deviation < 4.5
    deviation, _ = greatest_deviation(draws * 1.1, log_density, generator=source)
    assert deviation > 5


def test_draws_of_one_number_are_compared_too_and_what_is_farthest_is_named() -> None:
    source = torch.Generator().manual_seed(0)
    draws = torch.randn(4_000, 2, generator=source)

    def log_density(codes: Tensor) -> Tensor:
        return (-0.5 * codes.square() - 0.5 * math.log(2 * math.pi)).sum(1)

    wide = draws * torch.tensor([1.0, 1.3])
    for shown, density, name in (
        (draws, lambda codes: log_density(codes) + 0.3, "the integral"),
        (draws + torch.tensor([0.0, 0.4]), log_density, "the mean of element 1"),
        (wide, log_density, "the square of element 1"),
    ):
        deviation, worst = greatest_deviation(shown, density, generator=source)
        assert deviation > 5
        assert worst == name
    assert greatest_deviation(draws[:, :1], log_density, generator=source)[0] < 4.5
