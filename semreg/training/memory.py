"""Batches that fit where the memory of a card ran out."""

from __future__ import annotations

import re

import torch

from semreg.data.device_data import free_memory

_TRIED = re.compile(r"Tried to allocate ([\d.]+) (bytes|[KMGT]iB)")
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_STEP = 8
"""Batches are multiples of it, as far as they are that large."""


def forget_peak(device: torch.device) -> None:
    """Begin to watch how much memory of a card is needed at once."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def shortage(error: BaseException, device: torch.device) -> tuple[int, int] | None:
    """How many bytes of a card were needed at least since `forget_peak`, and how many could be had; None for a CPU.

    What others hold of the card, another process say, it can't have.
    """
    if device.type != "cuda":
        return None
    room = (free_memory(device) or 0) + torch.cuda.memory_reserved(device)
    return torch.cuda.max_memory_allocated(device) + wanted(error), room


def wanted(error: BaseException) -> int:
    """The bytes that could not be had, as PyTorch's error says; 0 where it does not."""
    found = _TRIED.search(str(error))
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def batch_that_fits(batch_size: int, needed: int = 0, room: int = 0) -> int:
    """A batch size to try instead, at most half: what is needed beyond the half was not seen, since it ended before.

    By the bytes `needed` at least for `batch_size` images, taken to be in proportion to them, and the `room` there is.
    """
    share = min(0.5, room / needed) if needed and room else 0.5
    fits = int(batch_size * share)
    return max(1, fits - fits % _STEP if fits > _STEP else fits)
