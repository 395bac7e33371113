"""Seeds of draws are pure functions of seed and index; what a call draws depends on nothing else."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.training.draws import Draws, mixed


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**40), min_size=2, max_size=20, unique=True))
def test_draws_of_one_seed_differ(seed: int, indices: list[int]) -> None:
    assert len({mixed(seed, index) for index in indices}) == len(indices)
    assert all(0 <= mixed(seed, index) < 2**63 for index in indices)


def test_a_seeded_generator_draws_the_same_again() -> None:
    draws = Draws(torch.Generator(), base=5)
    draws.seed(3)
    first = torch.rand(4, generator=draws.generator)
    draws.seed(4)
    assert not torch.equal(torch.rand(4, generator=draws.generator), first)
    draws.seed(3)
    assert torch.equal(torch.rand(4, generator=draws.generator), first)
