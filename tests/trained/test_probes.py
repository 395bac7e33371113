"""Simple classifiers on frozen codes, beyond what their evaluations tell."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from semreg.trained.probes import ITERATIONS, PENALTY, linear_predictions, mlp_predictions


def blobs(seed: int, rows: int, spread: float = 0.7) -> tuple[Tensor, Tensor]:
    """Codes `(rows, 2)` around the corners of a triangle, with their corners."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 3
    corners = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    return (corners[labels] + spread * torch.randn(rows, 2, generator=generator)).double(), labels


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_a_linear_classifier_does_not_care_for_scale_nor_origin(seed: int, scale: float, shift: float) -> None:
    codes, labels = blobs(seed, 60)
    others, _ = blobs(seed + 1, 40)
    found, known = linear_predictions(codes, labels, others, codes, penalty=PENALTY, iterations=ITERATIONS)
    moved, _ = linear_predictions(
        scale * codes + shift, labels, scale * others + shift, codes, penalty=PENALTY, iterations=ITERATIONS
    )
    assert (found == moved).float().mean() > 0.97  # but for what lies on a border
    assert (found.shape, known.shape) == ((40,), (60,))


def test_a_penalty_makes_it_say_the_most_frequent_class() -> None:
    codes, labels = blobs(0, 90)
    labels = (labels == 1).long()
    (found,) = linear_predictions(codes, labels, codes, penalty=1e9, iterations=ITERATIONS)
    assert not found.any()
    (found,) = linear_predictions(codes, labels, codes, penalty=PENALTY, iterations=ITERATIONS)
    assert (found == labels).float().mean() > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_an_mlp_is_a_function_of_its_seed_and_of_no_other_draw(seed: int) -> None:
    codes, labels = blobs(0, 60)
    others, _ = blobs(1, 200)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that it did not converge in these few epochs is no news
        found, again, another = (
            mlp_predictions(codes, labels, others, [8], 5, which) for which in (seed, seed, seed + 7)
        )
    assert torch.equal(found, again)
    assert not torch.equal(found, another)
    assert torch.equal(torch.get_rng_state(), before)
