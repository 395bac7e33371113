"""Examples of inputs: of other rows, of another dtype, with gradients; all else stays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from semreg.components.values import tensors_of
from semreg.core import DiagonalGaussian
from semreg.testing.examples import ExampleCall, in_dtype, row_count, taken, with_gradients, with_integers

CODES, LABELS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([0, 1, 2])


def noisy(codes: Tensor, *, scale: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    return codes + scale * torch.randn(codes.shape, generator=generator)


class Scaled:
    def __init__(self, *, scale: float) -> None:
        self.scale = scale

    def __call__(self, codes: Tensor) -> Tensor:
        return self.scale * codes


def test_a_function_is_called_and_a_class_is_made_first() -> None:
    call = ExampleCall(Scaled, (CODES,), {"scale": 3.0})
    assert torch.equal(call(), 3 * CODES)
    assert torch.equal(call((CODES[:1],)), 3 * CODES[:1])
    assert call.name == "Scaled"
    assert not call.random


def test_a_random_call_draws_from_a_generator_of_its_own() -> None:
    call = ExampleCall(noisy, (CODES,), {"scale": 2.0})
    assert call.random
    before = torch.get_rng_state()
    assert torch.equal(call(seed=1), call(seed=1))
    assert not torch.equal(call(seed=1), call(seed=2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(call(seed=1), noisy(CODES, scale=2.0, generator=torch.Generator().manual_seed(1)))


def test_rows_are_taken_of_all_that_has_as_many_and_of_posteriors_part_by_part() -> None:
    other, scalar = torch.rand(2, 3), torch.tensor(3.0)
    posterior, labels, *rest = taken((DiagonalGaussian(CODES, 2 * CODES), LABELS, other, scalar, None), [2, 0])
    assert isinstance(posterior, DiagonalGaussian)
    assert torch.equal(posterior.mean, CODES[[2, 0]])
    assert torch.equal(posterior.log_variance, 2 * CODES[[2, 0]])
    assert labels.tolist() == [2, 0]
    assert rest == [other, scalar, None]


def test_rows_are_those_of_the_first_tensor() -> None:
    assert row_count((None, DiagonalGaussian(CODES, CODES), torch.rand(7))) == 3
    with pytest.raises(AssertionError, match="the examples of inputs hold no tensor"):
        row_count((nn.Linear(2, 3), "none"))


def test_integers_and_floats_are_changed_apart() -> None:
    codes, labels = with_integers((CODES, LABELS), lambda tensor: tensor + 1)
    assert torch.equal(codes, CODES)
    assert labels.tolist() == [1, 2, 3]


def test_a_module_is_copied_before_its_dtype_changes() -> None:
    module = nn.Linear(2, 3)
    changed = in_dtype((CODES, LABELS, module), torch.float64)
    assert [tensor.dtype for tensor in tensors_of(changed)] == [torch.float64, torch.int64]
    assert changed[2].weight.dtype == torch.float64
    assert module.weight.dtype == torch.float32
    assert torch.equal(changed[2].weight.float(), module.weight)


def test_leaves_are_new_and_only_floats_have_gradients() -> None:
    inputs = (DiagonalGaussian(CODES, CODES), LABELS)
    fresh, leaves = with_gradients(inputs)
    assert len(leaves) == 2
    assert all(leaf.is_leaf and leaf.requires_grad for leaf in leaves)
    fresh[0].mean.sum().backward()
    assert leaves[0].grad is not None
    assert not CODES.requires_grad
