"""The number of threads that compute on the CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

VARIABLE = "OMP_NUM_THREADS"
"""The variable that passes it to child processes."""


@contextmanager
def threads_set(count: int | None) -> Iterator[None]:
    """Compute with `count` threads inside, in this process and those that it starts; None leaves their number."""
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
    """Return a warning if `count` threads were requested and there are fewer cores."""
    cores = os.cpu_count() or 1
    if count is None or count <= cores:
        return []
    return [f"--threads {count} is more than the {cores} cores here, so threads wait for each other"]
