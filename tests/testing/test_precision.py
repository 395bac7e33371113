"""Losses that lose digits in low precision are found, those that don't pass, at no size that a user would wait for."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.components.functional import in_float32
from semreg.testing.examples import ExampleCall
from semreg.testing.precision import check_precision

CODES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


@in_float32
def right(codes: Tensor) -> Tensor:
    return codes.square().sum() / max(len(codes), 1)


def check(loss: Any, *inputs: Any) -> None:
    check_precision(ExampleCall(loss, inputs or (CODES,), {}))


def test_a_loss_that_computes_in_float32_passes() -> None:
    check(right)
    check(right, torch.arange(6))  # of which there is no other precision


def test_a_sum_that_is_infinite_in_float16_is_found_by_its_size() -> None:
    def summed(codes: Tensor) -> Tensor:
        return codes.square().sum().float() / max(len(codes), 1)

    with pytest.raises(AssertionError, match=r"in torch\.float16, of 1000000 numbers, the result is inf, of the same"):
        check(summed, torch.ones(6, 4))  # few of which have an exact sum


def test_a_result_in_low_precision_and_digits_lost_in_few_numbers_are_found() -> None:
    def low(codes: Tensor) -> Tensor:
        return codes.square().mean()

    def rounded(codes: Tensor) -> Tensor:
        return codes.square().float().mean()

    with pytest.raises(AssertionError, match=r"the result is torch\.float16, at least float32 fits; decorate it with"):
        check(low)
    with pytest.raises(AssertionError, match=r"in torch\.bfloat16, of 24 numbers, the result is"):
        check(rounded)


def test_a_net_of_float32_among_the_inputs_and_autocast_change_nothing() -> None:
    torch.manual_seed(0)  # some weights are right to the tolerance in bfloat16, too
    net = nn.Linear(4, 2)

    def scored(codes: Tensor, critic: nn.Module) -> Tensor:
        return critic(codes).square().sum() / max(len(codes), 1)  # type: ignore[no-any-return]

    def by_autocast(codes: Tensor, critic: nn.Module) -> Tensor:
        return scored(codes.float(), critic).float()

    check(in_float32(scored), CODES, net)
    with pytest.raises(AssertionError, match=r"in torch.float16 it ends in RuntimeError .*decorate it"):
        check(scored, CODES, net)
    with pytest.raises(AssertionError, match=r"under autocast the result is"):
        check(by_autocast, CODES, net)


def test_a_loss_of_all_pairs_is_tried_as_large_as_time_allows() -> None:
    largest = 0

    @in_float32
    def of_pairs(codes: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, len(codes))
        return (codes @ codes.mT).abs().sum() / max(len(codes), 1) ** 2

    begun = time.monotonic()
    check(of_pairs)
    assert largest > 100
    assert time.monotonic() - begun < 30
