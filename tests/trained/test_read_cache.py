"""What handles keep stays within its budget, whatever is asked for in which order."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import DiagonalGaussian
from semreg.store.disk import memory
from semreg.trained.read_cache import ReadCache, bytes_of

asked = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12)), max_size=40)


@given(st.integers(0, 20), asked)
def test_it_keeps_what_was_asked_for_last_as_far_as_the_budget_goes(budget: int, asked: list[tuple[str, int]]) -> None:
    kept, expected = ReadCache(budget), dict[str, Any]()  # oldest first
    for key, size in asked:
        value = kept.get(key)
        assert value is expected.get(key)
        if value is not None:
            expected[key] = expected.pop(key)
            continue
        value = torch.zeros(size, dtype=torch.uint8)
        kept.keep(key, value)
        if size <= budget:
            while sum(map(len, expected.values())) + size > budget:
                del expected[next(iter(expected))]
            expected[key] = value
        assert kept.bytes == sum(map(len, expected.values())) <= budget


def test_sizes_are_those_of_all_tensors() -> None:
    codes = torch.zeros(3, 2)
    assert bytes_of(codes) == 24
    assert bytes_of(DiagonalGaussian(codes, codes)) == 48


def test_without_a_budget_it_is_a_share_of_the_memory_here() -> None:
    assert 0 < ReadCache().budget < memory() / 8
