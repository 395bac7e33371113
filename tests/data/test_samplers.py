from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.data.samplers import shuffled


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 2**63 - 1))
def test_every_row_at_most_once(count: int, batch_size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    batches = shuffled(count=count, batch_size=batch_size, generator=generator)
    assert batches.shape == (count // batch_size, batch_size)
    rows = batches.flatten().tolist()
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(range(count))
    again = shuffled(count=count, batch_size=batch_size, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(batches, again)


def test_every_row_is_drawn_at_times() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = {row for _ in range(20) for row in shuffled(count=10, batch_size=4, generator=generator).flatten().tolist()}
    assert seen == set(range(10))
