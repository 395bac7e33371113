"""What belongs to the whole process, put back after a component was imported or made: all others live by it, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""What reads it, and what sets it."""


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return ""


def _set_folder(folder: str) -> None:
    if folder:
        os.chdir(folder)


def _set_path(folders: list[str]) -> None:
    sys.path[:] = folders


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # None costs nothing afterwards


def _closed() -> set[int]:
    """Those of standard input, output and error that are closed."""
    closed = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
    return closed


def _close_no_more_than(closed: set[int]) -> None:
    """Open what is closed beyond these, on nothing: a file that is opened next would take its number, and its text."""
    for _ in _closed() - closed:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


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
    """Put back afterwards what is changed inside: the working folder, where modules are found, PyTorch's defaults."""
    before = [(read, write, read()) for read, write in SETTINGS]
    try:
        yield
    finally:
        for read, write, value in before:
            if read() != value:
                write(value)
