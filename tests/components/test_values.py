"""Tuples of tensors, posteriors among them: their parts found, changed and asked for."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from semreg.components.values import is_posterior, map_tensors, on_cpu, tensors_of
from semreg.core import DiagonalGaussian


class Deep(NamedTuple):
    first: Any
    second: Any


tensors = st.integers(-9, 9).map(lambda number: torch.tensor([float(number)]))
values = st.recursive(
    tensors | st.none() | st.text(max_size=2),
    lambda inner: st.builds(Deep, inner, inner) | st.builds(DiagonalGaussian, tensors, tensors) | st.tuples(inner),
    max_leaves=8,
)


@given(values)
def test_every_tensor_is_changed_and_all_else_stays_what_and_where_it_was(value: Any) -> None:
    changed = map_tensors(lambda tensor: 2 * tensor, value)
    assert [float(tensor) for tensor in tensors_of(changed)] == [2 * float(tensor) for tensor in tensors_of(value)]

    def same_shape(a: Any, b: Any) -> bool:
        if isinstance(a, tuple):
            return type(a) is type(b) and len(a) == len(b) and all(map(same_shape, a, b))
        return isinstance(b, Tensor) if isinstance(a, Tensor) else a is b

    assert same_shape(value, changed)


def test_a_posterior_is_a_tuple_of_names() -> None:
    zeros = torch.zeros(2)
    assert is_posterior(DiagonalGaussian(zeros, zeros))
    for other in ((zeros, zeros), [zeros], zeros, None):
        assert not is_posterior(other)


def test_on_the_cpu_floats_are_float32_and_nothing_takes_gradients() -> None:
    value = Deep(torch.ones(2, dtype=torch.bfloat16, requires_grad=True), (torch.arange(2), "text"))
    moved = on_cpu(value)
    assert isinstance(moved, Deep)
    assert moved.first.dtype == torch.float32
    assert not moved.first.requires_grad
    assert torch.equal(moved.second[0], torch.arange(2))
    assert moved.second[1] == "text"
