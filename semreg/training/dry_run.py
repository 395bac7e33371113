"""Networks and batches that take no memory and no time, and a limit on the cost of those that are computed."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch

_SIZED = {
    "empty", "empty_strided", "zeros", "ones", "full", "rand", "randn", "randint", "normal",
    "new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full",
}  # fmt: skip
_COUNTED = {"arange", "randperm", "eye"}


@lru_cache
def _internals() -> tuple[type[Any], type[Any]] | None:
    """Return PyTorch's FakeTensorMode and TorchDispatchMode, if this version has them: the private parts used.

    Without them, tensors of the device "meta" replace fake ones, and nothing is metered.
    """
    try:
        from torch._subclasses.fake_tensor import FakeTensorMode
        from torch.utils._python_dispatch import TorchDispatchMode
    except (ImportError, AttributeError):
        return None

    class FakeTensors(FakeTensorMode):  # type: ignore[no-untyped-call]
        @property
        def avoid_device_init(self) -> bool:
            """Whether to fake a missing GPU; otherwise a process with gradients can't fork afterwards."""
            return False

    class Dispatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            """Return whether calls import torch._dynamo, which takes a second, to keep it out of the metered part."""
            return False

        def __init__(self, meter: Meter) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.meter = meter

        def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
            return self.meter.call(function, arguments, options or {})

    return FakeTensors, Dispatch


class Meter:
    """A count of PyTorch's work while it is entered; it stops work before it would be too much.

    Args:
        numbers: the most values that new tensors may hold.
        work: the most multiplications in convolutions and matrix products; creating a value counts as eight.
        operations: the most calls.

    Raises RuntimeError inside, and sets `exceeded`, since others may catch the error on its way.
    """

    def __init__(self, *, numbers: float = math.inf, work: float = math.inf, operations: float = math.inf) -> None:
        self.numbers, self.work, self.operations = numbers, work, operations
        self.worked = 0
        """The multiplications so far; creating a value counts as eight."""
        self.exceeded = False
        self._entered: list[Any] = []

    def __enter__(self) -> Meter:
        internals = _internals()
        mode = internals[1](self) if internals else contextlib.nullcontext()
        mode.__enter__()
        self._entered.append(mode)
        return self

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)

    def call(self, function: Any, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
        """Run one of PyTorch's calls, unless it would be too much."""
        name, makes = _kind(function)
        self.operations -= 1
        if not makes:
            return function(*arguments, **options)
        announced = _announced(name, arguments)
        self._spend(announced, _products(name, arguments))
        result = function(*arguments, **options)
        if not announced:
            self._spend(sum(part.numel() for part in _tensors(result)), 0)
        return result

    def _spend(self, made: int, products: int) -> None:
        self.numbers -= made
        self.worked += 8 * made + products
        if self.numbers < 0 or self.worked > self.work or self.operations < 0:
            self.exceeded = True
            raise RuntimeError("too much to be computed")


@lru_cache(maxsize=10_000)
def _kind(function: Any) -> tuple[str, bool]:
    """Return the name of an operation, and whether it creates tensors; others change, view or query theirs.

    The others always pass: PyTorch ends the process if some of them, such as querying the device, fail.
    """
    schema = function._schema
    tensors = [r for r in schema.returns if "Tensor" in str(r.type)]
    return schema.name.partition("::")[2], bool(tensors) and not any(r.alias_info for r in tensors)


def _announced(name: str, arguments: Sequence[Any]) -> int:
    """Return how many values a new tensor of a call will hold, as far as its arguments show."""
    if name in _SIZED:
        sizes = next((a for a in arguments if isinstance(a, list | tuple | torch.Size)), ())
        return math.prod(sizes)
    if name in _COUNTED:
        counts = [int(a) for a in arguments if isinstance(a, int | float) and math.isfinite(a)]
        return max(counts, default=0) ** (2 if name == "eye" else 1)
    return 0


def _products(name: str, arguments: Sequence[Any]) -> int:
    """Return the most multiplications in a call of the costly kinds."""
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


@contextlib.contextmanager
def fake_tensors() -> Iterator[None]:
    """Use tensors inside that have shapes, types and gradients, but no values: they cost no memory or time.

    Reading a value, as by `.item()`, fails; see `needs_numbers`.
    """
    internals = _internals()
    if internals is None:
        with torch.device("meta"):
            yield
        return
    log = logging.getLogger(internals[0].__mro__[1].__module__)  # it tells each error on its own, with a traceback
    disabled, log.disabled = log.disabled, True
    try:
        with internals[0](allow_non_fake_inputs=True):
            yield
    finally:
        log.disabled = disabled


_SAYINGS = ("FakeTensor", "tensor subclass", "meta tensor", "'meta' device", "device meta")


def needs_numbers(error: BaseException | None) -> bool:
    """Return whether a failure under `fake_tensors` means that values were read, not that something doesn't fit."""
    while error is not None:
        private = "fake_tensor" in type(error).__module__
        if private or isinstance(error, NotImplementedError) or any(said in str(error) for said in _SAYINGS):
            return True
        error = error.__cause__ or error.__context__
    return False
