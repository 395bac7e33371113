"""Quantised codes as operations and losses see them: plain loops, where gradients go, and evenness."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_vae.quantization import Quantized, codebook_loss, commitment, quantized, usage
from torch import Tensor

seeds = st.integers(0, 2**31)


def drawn(seed: int, rows: int, stages: int, shape: tuple[int, ...] = (3,)) -> Quantized:
    random = torch.Generator().manual_seed(seed)
    codes = torch.randn(rows, *shape, dtype=torch.float64, generator=random).requires_grad_()
    parts = torch.randn(rows, stages, *shape, dtype=torch.float64, generator=random).requires_grad_()
    return Quantized(codes, parts, torch.zeros(rows, stages, *shape[1:], dtype=torch.int64))


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 4), stages=st.integers(1, 3))
def test_losses_are_what_loops_over_stages_give(seed: int, rows: int, stages: int) -> None:
    q = drawn(seed, rows, stages)
    left, total = q.codes.detach().clone(), 0.0
    for stage in range(stages):
        left = left - q.parts[:, stage].detach()
        total += float(left.square().sum())
    for loss in (commitment, codebook_loss):
        assert float(loss(q).detach()) == pytest.approx(total / q.codes.numel())


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 4), maps=st.booleans())
def test_gradients_go_to_codes_or_to_vectors_and_straight_through(seed: int, rows: int, maps: bool) -> None:
    q = drawn(seed, rows, 1, (3, 2, 2) if maps else (3,))
    leaves = [q.codes, q.parts]
    to_codes, none = torch.autograd.grad(commitment(q), leaves, allow_unused=True)
    assert none is None
    torch.testing.assert_close(to_codes, 2 * (q.codes - q.parts[:, 0]) / q.codes.numel())
    none, to_vectors = torch.autograd.grad(codebook_loss(q), leaves, allow_unused=True)
    assert none is None
    torch.testing.assert_close(to_vectors[:, 0], -to_codes)
    values = quantized(q)
    torch.testing.assert_close(values, q.parts[:, 0])
    slope, none = torch.autograd.grad(values.square().sum(), leaves, allow_unused=True)
    assert none is None
    torch.testing.assert_close(slope, 2 * values)


@settings(max_examples=25)
@given(indices=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_the_perplexity_is_what_a_loop_gives_and_is_bounded(indices: list[int]) -> None:
    found = usage(torch.tensor(indices), 5)
    shares = [indices.count(vector) / len(indices) for vector in range(5)]
    assert found.perplexity == pytest.approx(math.exp(-sum(share * math.log(share) for share in shares if share)))
    assert found.used == len(set(indices)) / 5
    assert 1 - 1e-12 <= found.perplexity <= len(set(indices)) + 1e-12
    assert found.shares.tolist() == pytest.approx(shares)


@pytest.mark.parametrize("call", [quantized, commitment, codebook_loss])
def test_anything_else_is_refused(call: object) -> None:
    value: Tensor = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="takes what a quantiser gives"):
        call(value)  # type: ignore[operator]


def test_no_indices_have_no_perplexity() -> None:
    with pytest.raises(ValueError, match="needs an index"):
        usage(torch.zeros(0, dtype=torch.int64), 3)
