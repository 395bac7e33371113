"""Batches that fit after a card's memory ran out."""

from __future__ import annotations

import re

import torch

from semreg.data.device_data import free_memory

_TRIED = re.compile(r"Tried to allocate ([\d.]+) (bytes|[KMGT]iB)")
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_STEP = 8
"""Batch sizes are multiples of it, if they are large enough."""


def forget_peak(device: torch.device) -> None:
    """Start to measure the peak of a card's memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def shortage(error: BaseException, device: torch.device) -> tuple[int, int] | None:
    """Return the least bytes of a card needed since `forget_peak`, and the bytes available; None for a CPU.

    Memory that others hold on the card, such as another process, is not available.
    """
    if device.type != "cuda":
        return None
    room = (free_memory(device) or 0) + torch.cuda.memory_reserved(device)
    return torch.cuda.max_memory_allocated(device) + wanted(error), room


def wanted(error: BaseException) -> int:
    """Return the bytes that could not be allocated, from PyTorch's error; 0 if it doesn't state them."""
    found = _TRIED.search(str(error))
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def batch_that_fits(batch_size: int, needed: int = 0, room: int = 0) -> int:
    """Return a batch size to try instead, at most half, since the run ended before its peak was seen.

    It assumes that the bytes `needed` for `batch_size` images are proportional to them, and that `room` is available.
    """
    share = min(0.5, room / needed) if needed and room else 0.5
    fits = int(batch_size * share)
    return max(1, fits - fits % _STEP if fits > _STEP else fits)
