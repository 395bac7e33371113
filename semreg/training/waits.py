"""Operations in a step that would wait for a device, counted by their place; also on a CPU, where nothing waits.

A step that reads a value, or whose shapes depend on values, leaves a GPU idle until the host has read them. It can
neither be captured as a CUDA graph nor be compiled as one.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from numbers import Number
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from semreg.core.shapes import as_on_a_device

READS = (
    "keep it a tensor, with torch.where instead of `if`; look at numbers only where semreg.core.at_hand says that "
    "they are"
)
SHAPES = "its result's shape depends on numbers: keep all elements and mask them, by torch.where or a product"
COPIES = "numbers go from the host to the device each time: make them there (torch.arange, new_full), or once, a buffer"
CHECKS = "it reads whether it succeeded: take the form that does not, such as torch.linalg.solve_ex"

_READING = (
    "item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__", "__complex__", "__contains__",
    "__array__", "__format__", "__repr__", "is_nonzero", "equal", "allclose", "gaussian_nll_loss", "ctc_loss",
)  # fmt: skip
_SHAPING = ("nonzero", "argwhere", "unique", "unique_consecutive", "masked_select", "bincount", "isin", "combinations")
_CHECKING = (
    "multinomial", "cholesky", "cholesky_inverse", "linalg_cholesky", "linalg_solve", "linalg_inv", "linalg_eigh",
    "linalg_eig", "linalg_eigvals", "linalg_eigvalsh", "linalg_svd", "linalg_svdvals", "linalg_pinv", "linalg_lstsq",
    "linalg_matrix_rank", "linalg_lu_factor", "linalg_ldl_factor", "inverse", "pinverse", "svd",
)  # fmt: skip
_COPYING = ("tensor", "new_tensor", "from_numpy")
INSTEAD = {
    name: advice
    for names, advice in ((_READING, READS), (_SHAPING, SHAPES), (_CHECKING, CHECKS), (_COPYING, COPIES))
    for name in names
}
_MAKING = (
    "arange", "empty", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn", "randperm", "zeros",
)  # fmt: skip
_TAKING_NUMBERS = {
    "arange": 0, "linspace": 0, "logspace": 0, "full": 0, "new_full": 1, "masked_fill": 2, "masked_fill_": 2,
}  # fmt: skip
"""Functions, with their first argument that takes numbers, which are read if they are tensors."""
_TORCH = str(Path(torch.__file__).parent)
_OPTIMIZERS = str(Path(torch.__file__).parent / "optim")
_SAID_BY_CUDA = "synchronizing CUDA operation"


class Wait(NamedTuple):
    """An operation that waits, the place of its call (`file:line`), and what to use instead."""

    operation: str
    place: str
    instead: str

    def __str__(self) -> str:
        return f"{self.operation} at {self.place}; {self.instead}"


@contextlib.contextmanager
def counted_waits(device: torch.device | None = None) -> Iterator[Counter[Wait]]:
    """Count calls inside that wait, or would wait if the tensors were not on the CPU.

    On a CPU components see what they see on a device: `semreg.core.at_hand` is false. On a GPU it also uses PyTorch's
    own `torch.cuda.set_sync_debug_mode`.

    Args:
        device: of the tensors; the CPU by default.
    """
    device = device or torch.device("cpu")
    found: Counter[Wait] = Counter()
    counting = _Counting(device, found)
    with as_on_a_device(), cuda_waits(device, found), _in_backward_passes(counting), counting:
        yield found


def numbers_of(scalars: Sequence[Tensor]) -> list[float]:
    """Return the values of scalars on one device, with all of their digits, with one wait."""
    if not scalars:
        return []
    widest = reduce(torch.promote_types, (scalar.dtype for scalar in scalars))
    numbers: list[float] = torch.stack([scalar.detach().to(widest) for scalar in scalars]).tolist()
    return numbers


class _Counting(TorchFunctionMode):
    """A mode that counts calls that wait, by PyTorch's name of them and their arguments."""

    def __init__(self, device: torch.device, found: Counter[Wait]) -> None:
        super().__init__()
        self.device, self.found = device, found
        self.within = 0
        """PyTorch's calls in progress; the mode is off during each."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: Sequence[Any] = (), options: Mapping[str, Any] | None = None
    ) -> Any:
        options = options or {}
        name = getattr(function, "__name__", "")
        instead = _instead(name, arguments, options)
        self.within += 1
        try:
            result = function(*arguments, **options)
        finally:
            self.within -= 1
        if instead is not None and self._concerned([*arguments, *options.values(), result]):
            place = _place(counters_stay=self.device.type == "cpu")
            if place is not None:
                self.found[Wait(name.strip("_"), place, instead)] += 1
        return result

    def _concerned(self, values: Sequence[Any]) -> bool:
        """Return whether a tensor among these is on the device: on a GPU, work on the CPU waits for nothing."""
        return any(isinstance(value, Tensor) and value.device.type == self.device.type for value in values)


@contextlib.contextmanager
def _in_backward_passes(counting: _Counting) -> Iterator[None]:
    """Make the mode count the calls of backward passes, too; PyTorch treats these as other calls, with the mode off.

    The name is private to PyTorch; without it backward passes are not counted.
    """
    run = getattr(torch.autograd, "_engine_run_backward", None)
    if run is None:
        yield
        return

    def counted(*arguments: Any, **options: Any) -> Any:
        with counting if counting.within else contextlib.nullcontext():
            return run(*arguments, **options)

    torch.autograd._engine_run_backward = counted  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.autograd._engine_run_backward = run  # type: ignore[attr-defined]


def _instead(name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """Return what to use instead of a call that waits; None for one that doesn't."""
    values = [*arguments, *options.values()]
    waits = True
    match name:
        case "__getitem__" | "__setitem__":
            return _of_index(arguments)
        case "where":
            instead, waits = SHAPES, len(values) == 1
        case "repeat_interleave":
            counts = options.get("repeats", arguments[-1])
            instead, waits = SHAPES, isinstance(counts, Tensor) and options.get("output_size") is None
        case "as_tensor" | "asarray":
            instead, waits = COPIES, not isinstance(values[0], Tensor)
        case "to":
            instead, waits = READS, "cpu" in [value for value in values if isinstance(value, str)]
        case _ if name in _MAKING and options.get("device") is None:
            instead = COPIES
        case _ if name in _TAKING_NUMBERS:
            given = [*arguments[_TAKING_NUMBERS[name] :], *(value for key, value in options.items() if key != "mask")]
            instead, waits = READS, any(isinstance(value, Tensor) for value in given)
        case _:
            return INSTEAD.get(name)
    return instead if waits else None


def _of_index(arguments: Sequence[Any]) -> str | None:
    """Return the same for `tensor[index]`, and for `tensor[index] = value`."""
    index, given = arguments[1], arguments[2:]
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, list | range) for part in parts):
        return COPIES
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if any(part.dtype in (torch.bool, torch.uint8) for part in tensors):
        filled = bool(given) and (isinstance(given[0], Number) or given[0].numel() == 1)
        return None if filled else SHAPES
    return READS if any(part.ndim == 0 for part in tensors) else None


def _place(*, counters_stay: bool) -> str | None:
    """Return the place of the innermost call outside PyTorch, `file:line` with the folders of its package.

    With `counters_stay`, None for the step counters of PyTorch's optimisers: they are on the CPU, wherever weights are.
    """
    frame: Any = sys._getframe(2)
    if counters_stay and frame.f_code.co_filename.startswith(_OPTIMIZERS):
        return None
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_TORCH, __file__)):
        frame = frame.f_back
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno}"


def _short(file: str) -> str:
    """Shorten a file's path to start at its outermost package."""
    path = Path(file)
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return str(path.relative_to(root))


@contextlib.contextmanager
def cuda_waits(device: torch.device, found: Counter[Wait]) -> Iterator[None]:
    """Add waits that a GPU itself reports, unless they are counted at their place already."""
    if device.type != "cuda":
        yield
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)
    counted = {wait.place for wait in found}
    for warning in told:
        place = f"{_short(warning.filename)}:{warning.lineno}"
        if _SAID_BY_CUDA not in str(warning.message):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif place not in counted:
            found[Wait("what CUDA waits for", place, READS)] += 1
