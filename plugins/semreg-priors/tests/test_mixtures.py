"""Mixtures against loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import (
    Factorised,
    MixtureOfGaussians,
)
from torch import distributions

seeds = st.integers(0, 2**31)


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, rows=st.integers(0, 5), size=st.integers(1, 4), components=st.integers(1, 4))
def test_mixtures_are_what_loops_give(seed: int, rows: int, size: int, components: int, moved: Any) -> None:
    codes = torch.randn(rows, size, generator=source(seed), dtype=torch.float64)
    whole = moved(MixtureOfGaussians(size=size, components=components), seed)
    apart = moved(Factorised(size=size, components=components), seed)
    for row, code in enumerate(codes):
        total, product = 0.0, 1.0
        for k in range(components):
            normal = distributions.Normal(whole.means[k], (whole.log_variances[k] / 2).exp())
            total += (whole.logits.softmax(0)[k] * normal.log_prob(code).exp().prod()).item()
        for j in range(size):
            normal = distributions.Normal(apart.means[j], (apart.log_variances[j] / 2).exp())
            product *= (apart.logits[j].softmax(0) * normal.log_prob(code[j]).exp()).sum().item()
        assert whole.log_probability(codes)[row].item() == pytest.approx(math.log(total))
        assert apart.log_probability(codes)[row].item() == pytest.approx(math.log(product))
