"""Seeds of single draws: each its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semreg.training.draws import mixed


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**40), min_size=2, max_size=20, unique=True))
def test_draws_of_one_seed_differ(seed: int, indices: list[int]) -> None:
    assert len({mixed(seed, index) for index in indices}) == len(indices)
    assert all(0 <= mixed(seed, index) < 2**63 for index in indices)
