from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from semreg.data.shards import SHARD_BYTES, chunk_rows, shard_rows

sides = st.integers(1, 4096)


@given(st.integers(1, 3), sides, sides)
def test_shards_are_whole_chunks_of_about_256_mb(channels: int, height: int, width: int) -> None:
    shape = (10**9, channels, height, width)
    rows, size = shard_rows(shape), math.prod(shape[1:])
    assert rows % chunk_rows(shape) == 0
    assert rows * size <= SHARD_BYTES
    assert rows * size > 0.75 * SHARD_BYTES


def test_what_orders_of_today_depend_on() -> None:
    assert [shard_rows((1, *shape)) for shape in [(3, 64, 64), (1, 28, 28), (3, 224, 224)]] == [21_824, 342_336, 1_782]
