"""Errors about shapes and labels in one form: the call, what it expects, what it found, what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["at_hand", "require_classes", "require_equal_shapes", "shape_error"]

_looking = ContextVar("looking", default=True)
_trial = ContextVar("trial", default=False)


def shape_error(call: str, pattern: str, cause: str, *tensors: Tensor) -> ValueError:
    """Return a ValueError with the call, the pattern it expects, the shapes it found and what is wrong with them."""
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
    return ValueError(f'{call} expects "{pattern}", found {shapes}: {cause}')


def require_equal_shapes(call: str, pattern: str, a: Tensor, b: Tensor) -> None:
    """Raise ValueError unless `a` and `b` have one shape: losses never broadcast."""
    if a.shape == b.shape:
        return
    if a.ndim != b.ndim:
        cause = f"{a.ndim} axes against {b.ndim}"
    else:
        axis = next(axis for axis in range(a.ndim) if a.shape[axis] != b.shape[axis])
        cause = f"axis {axis} differs, {a.shape[axis]} against {b.shape[axis]}"
    raise shape_error(call, pattern, cause, a, b)


def require_classes(call: str, labels: Tensor, *, rows: int, classes: int | None = None) -> None:
    """Raise ValueError unless `labels` are `rows` integers from 0 to below `classes`; `call` names the caller.

    If reading the values would wait for a GPU, the GPU itself stops at a label out of range. A compiled graph checks
    none: semreg checked the data set's labels when it opened the set.
    """
    import torch  # here, since the core is imported by commands that answer without it

    if labels.shape != (rows,):
        raise shape_error(call, "batch for the labels", f"one class for each of {rows} rows", labels)
    if labels.dtype.is_floating_point or labels.dtype.is_complex or labels.dtype == torch.bool:
        nan = " with NaN among them" if at_hand(labels) and labels.isnan().any() else ""
        raise ValueError(f"{call}: labels are classes, int64, found {str(labels.dtype).removeprefix('torch.')}{nan}")
    if labels.is_cuda and not _trial.get():
        most = torch.iinfo(labels.dtype).max if classes is None else classes - 1
        torch._assert_async((labels.clamp(0, most) == labels).all(), f"{call}: a label is none of the classes")
        return
    if not (rows and (at_hand(labels) or labels.is_cuda)):
        return
    least, greatest = torch.stack(labels.aminmax()).tolist()
    if least < 0 or (classes is not None and greatest >= classes):
        there = "classes are 0 or more" if classes is None else f"there are {classes} classes, 0 to {classes - 1}"
        raise ValueError(f"{call}: {there}; found labels from {least} to {greatest}")


def at_hand(values: Tensor) -> bool:
    """Return whether reading values needs no wait: not on a device, nor in a graph that is compiled or a dry run.

    Call it before you read values inside a step, to reject them or to take a shortcut.
    """
    import torch

    at_hand = type(values) is torch.Tensor and values.device.type == "cpu" and _looking.get()
    return at_hand and not torch.compiler.is_compiling()


def as_on_a_device() -> contextlib.AbstractContextManager[None]:
    """Make components on the CPU act as on a device: no values are readable inside."""
    return _set(_looking, False)


def in_a_trial() -> contextlib.AbstractContextManager[None]:
    """Read labels on a GPU inside, too: waiting costs nothing there, and errors then show the labels."""
    return _set(_trial, True)


@contextlib.contextmanager
def _set(variable: ContextVar[bool], value: bool) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
