from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.data.samplers import shuffled, shuffled_shards


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


@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_shard_by_shard(sizes: list[int], batch_size: int, window: int, seed: int) -> None:
    def drawn() -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return shuffled_shards(
            count=len(shards), batch_size=batch_size, shards=shards, window=window, generator=generator
        )

    shards = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    batches = drawn()
    assert batches.shape == (len(shards) // batch_size, batch_size)
    rows = batches.flatten()
    assert len(rows.unique()) == len(rows)
    assert torch.equal(batches, drawn())
    left, at_once = set(range(len(sizes))), []
    for shard in shards[rows].tolist():  # a window is used up before the next is begun
        if shard not in at_once:
            assert shard in left
            at_once = [*at_once, shard] if len(at_once) < window else [shard]
            left.remove(shard)


def test_shards_and_their_rows_are_in_random_order() -> None:
    generator = torch.Generator().manual_seed(0)
    shards = torch.arange(12).repeat_interleave(10)
    rows = [
        shuffled_shards(count=120, batch_size=10, shards=shards, window=2, generator=generator).flatten()
        for _ in range(9)
    ]
    assert len({int(shards[order[0]]) for order in rows}) > 3
    assert all(len(shards[order[:20]].unique()) == 2 for order in rows), "of two shards, mixed"
    assert all(len(shards[order[:10]].unique()) == 2 for order in rows)
    assert shuffled_shards(count=9, batch_size=3).flatten().sort().values.tolist() == list(range(9)), "one shard of all"
