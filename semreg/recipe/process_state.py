"""Settings of the whole process, which are restored after a component is imported or made: all other
code shares them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""A function that reads the setting, and one that sets it."""


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""


def _set_folder(folder: str) -> None:
    if folder:
        os.chdir(folder)


def _set_path(folders: list[str]) -> None:
    sys.path[:] = folders


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # a hook of None costs no time later


def _closed() -> set[int]:
    """Return those of standard input, output and error that are closed."""
    closed = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
    return closed


def _close_no_more_than(closed: set[int]) -> None:
    """Open the others that were closed meanwhile, on the null device: the next opened file would take their number and
    receive their text."""
    for _ in _closed() - closed:
        os.open(os.devnull, os.O_RDWR)  # the lowest free number is taken


SETTINGS: list[Setting] = [
    (_closed, _close_no_more_than),
    (_folder, _set_folder),
    (lambda: list(sys.path), _set_path),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (torch.get_default_device, _set_device),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
]


@contextmanager
def process_state_kept() -> Iterator[None]:
    """Restore, at the end of the block, the working folder, the module search path, and PyTorch's defaults."""
    before = [(read, write, read()) for read, write in SETTINGS]
    try:
        yield
    finally:
        for read, write, value in before:
            if read() != value:
                write(value)
