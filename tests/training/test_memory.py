"""What is said to fit where the memory of a card ran out, from made-up figures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.training.memory import batch_that_fits, shortage, wanted

GIB = 2**30


@pytest.mark.parametrize(
    ("said", "bytes_"),
    [
        ("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.10 GiB", int(2.5 * GIB)),
        ("CUDA out of memory. Tried to allocate 20.00 MiB.", 20 * 2**20),
        ("CUDA out of memory. Tried to allocate 512 bytes.", 512),
        ("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory", 0),
    ],
)
def test_what_could_not_be_had_is_read_from_the_error(said: str, bytes_: int) -> None:
    assert wanted(RuntimeError(said)) == bytes_


def test_what_others_hold_of_a_card_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda device: 1.0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 9 * GIB)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 8 * GIB)
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB.")
    assert shortage(error, torch.device("cuda", 0)) == (12 * GIB, 10 * GIB)
    assert shortage(error, torch.device("cpu")) is None


@pytest.mark.parametrize(
    ("batch_size", "needed", "room", "fits"),
    [
        (256, 0, 0, 128),
        (256, 12 * GIB, 10 * GIB, 128),  # at least 12: that it is not more was not seen
        (256, 40 * GIB, 10 * GIB, 64),
        (250, 30 * GIB, 10 * GIB, 80),
        (12, 10 * GIB, 9 * GIB, 6),
        (1, 10 * GIB, 9 * GIB, 1),
        (8, 100 * GIB, GIB, 1),
    ],
)
def test_a_batch_that_fits(batch_size: int, needed: int, room: int, fits: int) -> None:
    assert batch_that_fits(batch_size, needed, room) == fits


@given(st.integers(1, 10**5), st.integers(0, 2**40), st.integers(0, 2**40))
def test_it_is_smaller_and_in_proportion(batch_size: int, needed: int, room: int) -> None:
    fits = batch_that_fits(batch_size, needed, room)
    assert 1 <= fits <= max(1, batch_size // 2)
    assert fits == 1 or not (needed and room) or fits * needed <= batch_size * room * (1 + 1e-9)
    assert fits < 8 or fits % 8 == 0
