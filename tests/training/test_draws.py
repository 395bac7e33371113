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


def test_each_process_draws_what_comes_after_those_before_it() -> None:
    generator = torch.Generator()

    def call(rows: int) -> torch.Tensor:
        return torch.rand(rows, generator=generator)

    Draws(generator, base=5, rank=0).seed(3, call, [2])
    both = torch.rand(4, generator=generator)
    Draws(generator, base=5, rank=1).seed(3, call, [2])
    assert torch.equal(call(2), both[2:])
    Draws(generator, base=5, rank=0).seed(4, call, [2])
    assert not torch.equal(torch.rand(4, generator=generator), both)
