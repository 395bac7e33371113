"""How many threads compute on the CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

VARIABLE = "OMP_NUM_THREADS"
"""By which processes that are started meanwhile learn of it."""


@contextmanager
def threads_set(count: int | None) -> Iterator[None]:
    """So many threads compute meanwhile, in this process and in those that it starts; None: as many as before."""
    if count is None:
        yield
        return
    before, told = torch.get_num_threads(), os.environ.get(VARIABLE)
    torch.set_num_threads(count)
    os.environ[VARIABLE] = str(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if told is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = told


def too_many(count: int | None) -> list[str]:
    """A remark if `count` threads were asked for and there are fewer cores."""
    cores = os.cpu_count() or 1
    if count is None or count <= cores:
        return []
    return [f"--threads {count} is more than the {cores} cores here, so threads wait for each other"]
