"""Networks and batches that take no memory and no time, and a limit on what those may take that are computed."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

_SIZED = {
    "empty", "empty_strided", "zeros", "ones", "full", "rand", "randn", "randint", "normal",
    "new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full",
}  # fmt: skip
_COUNTED = {"arange", "randperm", "eye"}


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what PyTorch does inside it, and stops what would be too much before it is done.

    Args:
        numbers: how many numbers may be made, in new tensors.
        work: how many numbers may be multiplied in convolutions and matrix products; making one counts as eight.
        operations: how many calls there may be.

    Raises RuntimeError inside, and sets `exceeded`, since others may catch the error on its way.
    """

    def __init__(self, *, numbers: float = math.inf, work: float = math.inf, operations: float = math.inf) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers, self.work, self.operations = numbers, work, operations
        self.exceeded = False

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        name, makes = _kind(function)
        self.operations -= 1
        if not makes:
            return function(*arguments, **(options or {}))
        announced = _announced(name, arguments)
        self._spend(announced, _products(name, arguments))
        result = function(*arguments, **(options or {}))
        if not announced:
            self._spend(sum(part.numel() for part in _tensors(result)), 0)
        return result

    def _spend(self, made: int, products: int) -> None:
        self.numbers -= made
        self.work -= 8 * made + products
        if self.numbers < 0 or self.work < 0 or self.operations < 0:
            self.exceeded = True
            raise RuntimeError("too much to be computed")


@lru_cache(maxsize=10_000)
def _kind(function: Any) -> tuple[str, bool]:
    """The name of an operation, and whether it makes tensors: others change, view or ask those that they are given.

    The others are let through: PyTorch ends the process if some of them, such as asking for the device, fail.
    """
    schema = function._schema
    tensors = [r for r in schema.returns if "Tensor" in str(r.type)]
    return schema.name.partition("::")[2], bool(tensors) and not any(r.alias_info for r in tensors)


def _announced(name: str, arguments: Sequence[Any]) -> int:
    """How many numbers the tensor will hold that a call makes out of nothing, as far as its arguments say."""
    if name in _SIZED:
        sizes = next((a for a in arguments if isinstance(a, list | tuple | torch.Size)), ())
        return math.prod(sizes)
    if name in _COUNTED:
        counts = [int(a) for a in arguments if isinstance(a, int | float) and math.isfinite(a)]
        return max(counts, default=0) ** (2 if name == "eye" else 1)
    return 0


def _products(name: str, arguments: Sequence[Any]) -> int:
    """How many products of two numbers the costly kinds of calls take, at most."""
    match name:
        case "mm" | "bmm":
            return int(arguments[0].numel() * arguments[1].shape[-1])
        case "addmm" | "baddbmm":
            return int(arguments[1].numel() * arguments[2].shape[-1])
        case "convolution" | "convolution_backward":
            image, weight = arguments[:2] if name == "convolution" else arguments[1:3]
            return int(image.numel() // max(image.shape[1], 1) * weight.numel())
        case _ if name.startswith("_scaled_dot_product"):
            return int(2 * arguments[0].numel() * arguments[1].shape[-2])
    return 0


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


class _Imagination(FakeTensorMode):  # type: ignore[no-untyped-call]
    @property
    def avoid_device_init(self) -> bool:
        """Whether a GPU is made up where there is none, after which a process that computes gradients cannot fork."""
        return False


@contextlib.contextmanager
def imagined() -> Iterator[None]:
    """Inside, tensors have shapes and types and pass gradients on, but hold no numbers: nothing takes memory or time.

    What looks at a number, such as `.item()`, fails with a RuntimeError; see `cannot_be_imagined`.
    """
    log = logging.getLogger("torch._subclasses.fake_tensor")  # it tells each error on its own, with a traceback
    disabled, log.disabled = log.disabled, True
    try:
        with _Imagination(allow_non_fake_inputs=True):
            yield
    finally:
        log.disabled = disabled


def cannot_be_imagined(error: BaseException | None) -> bool:
    """Whether a failure under `imagined` says that numbers were looked at, rather than that something does not fit."""
    while error is not None:
        kind = type(error)
        if kind.__module__ == FakeTensorMode.__module__ or isinstance(error, NotImplementedError):
            return True
        if "FakeTensor" in str(error) or "tensor subclass" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def memory() -> int:
    """The bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
