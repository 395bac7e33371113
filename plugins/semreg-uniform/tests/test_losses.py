"""Eq. 4 over all codes: which classifiers read which codes, and how the mean is taken."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_uniform.losses import disentanglement
from torch import Tensor, nn

from semreg.components.losses import uniform_cross_entropy

CODE = 5


class Tail(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.logits = nn.Linear(CODE, classes)

    def class_logits(self, codes: Tensor) -> Tensor:
        return self.logits(codes)


def made(attributes: int, with_rest: bool, rows: int = 3) -> tuple[list[Tensor], list[Tail]]:
    codes = [torch.randn(rows, CODE, requires_grad=True) for _ in range(attributes + with_rest)]
    return codes, [Tail(2 + index) for index in range(attributes)]


def gradients(loss: Tensor, codes: list[Tensor]) -> list[float]:
    return [float(slope.abs().sum()) for slope in torch.autograd.grad(loss, codes)]


@given(attributes=st.integers(2, 4), with_rest=st.booleans(), rows=st.integers(1, 4))
def test_each_code_is_read_by_all_classifiers_but_its_own(attributes: int, with_rest: bool, rows: int) -> None:
    codes, tails = made(attributes, with_rest, rows)
    expected = []
    for place, code in enumerate(codes):
        own = place - with_rest  # z_0 has none
        others = [uniform_cross_entropy(tail.class_logits(code)) for m, tail in enumerate(tails) if m != own]
        expected.append(sum(others) / len(others))
    found = disentanglement(*codes, *tails)
    torch.testing.assert_close(found, sum(expected) / len(codes))
    least = sum(
        sum(math.log(2 + m) for m in range(attributes) if m != place - with_rest) / (attributes - (place >= with_rest))
        for place in range(len(codes))
    ) / len(codes)
    assert float(found.detach()) >= least - 1e-6
    assert min(gradients(found, codes)) > 0


def test_of_one_attribute_only_the_rest_is_compared() -> None:
    (rest, own), [tail] = made(1, True)
    found = disentanglement(rest, own, tail)
    torch.testing.assert_close(found, uniform_cross_entropy(tail.class_logits(rest)))
    slopes = gradients(found, [rest, own])
    assert slopes[0] > 0
    assert slopes[1] == 0  # but connected


def test_what_does_not_fit_is_told() -> None:
    (rest, own), [tail] = made(1, True)
    with pytest.raises(ValueError, match="of one attribute needs z_0"):
        disentanglement(own, tail)
    for values in ((rest, own), (tail,), (rest, own, own, tail), (own, tail, tail), (own, "digit", tail), ()):
        with pytest.raises(ValueError, match="takes a classifier for each code but z_0, found"):
            disentanglement(*values)
    with pytest.raises(ValueError, match="such as tail_classifier; found a Linear"):
        disentanglement(rest, own, nn.Linear(CODE, 2))
