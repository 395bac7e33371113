"""What a share of a GPU holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semreg.core import room_on
from semreg.core.executors import CONTEXT

GIB = 2**30


@given(total=st.integers(4 * GIB, 256 * GIB), count=st.integers(2, 8))
def test_shares_leave_room_for_what_each_process_takes(total: int, count: int) -> None:
    room = room_on(total, 1 / count)
    assert 0 <= room < total / count
    if room:
        assert total - 2 * count <= count * (room + CONTEXT) + CONTEXT <= total


def test_a_whole_gpu_and_one_that_is_too_small() -> None:
    assert room_on(80 * GIB, 1) == 80 * GIB
    assert room_on(GIB, 0.1) == 0
