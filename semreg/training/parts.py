"""A component's call if several processes each have a part of the batch: as one process would call it on the whole.

A component that couples the rows of a batch receives the rows of all processes, in each of them, and its results are
cut to the process's rows. A row-wise component receives only the process's rows, with their draws in the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from semreg.components.functional import at_least_float32
from semreg.components.values import map_tensors, tensors_of
from semreg.core import Role
from semreg.core.options import signature_of
from semreg.training.processes import Processes

Call = Callable[..., Any]


def over_processes(
    call: Call, component: object, processes: Processes, generator: torch.Generator | None = None
) -> Call:
    """Wrap a component's call to give each of several processes its rows of one process's result.

    Args:
        call: takes the component's inputs; those of one call are tensors, posteriors and modules. The first tensor's
            leading axis is the batch.
        component: has an attribute `couples_rows = True` if a row of the result depends on other rows of the batch, or
            if
            a loss is not a mean over rows. Its call then sees the whole batch in each process. A loss is left
            unchanged:
            the processes' averaged gradients are those of one process.
        processes: have equal parts of the batch, in the order of their ranks.
        generator: for the call's draws, seeded equally in all processes.
    """
    if processes.count == 1:
        return call
    if getattr(component, "couples_rows", False):
        return partial(_on_whole_batch, call, processes, _only_shapes(component))
    return call if generator is None else partial(_with_own_draws, call, processes, generator)


def _only_shapes(component: Any) -> frozenset[int]:
    """Return the positions of inputs whose values don't matter."""
    signature = signature_of(component)
    metadata = [getattr(signature.types.get(p.name), "__metadata__", ()) for p in signature.inputs()]
    return frozenset(position for position, roles in enumerate(metadata) if Role.SHAPE in roles)


def _rows(values: tuple[Any, ...]) -> int | None:
    """Return how many rows of the batch these inputs have."""
    return next((len(tensor) for tensor in tensors_of(values) if tensor.ndim), None)


def _on_whole_batch(call: Call, processes: Processes, only_shapes: frozenset[int], *values: Any) -> Any:
    rows = _rows(values)
    if rows is None:
        return call(*values)
    shown = [
        map_tensors(lambda t: _of_all(t, rows, processes), value) if position in only_shapes else value
        for position, value in enumerate(values)
    ]
    parts = [tensor for tensor in tensors_of(tuple(shown)) if tensor.ndim and len(tensor) == rows]
    whole = iter(cast(tuple[Tensor, ...], _Gathered.apply(processes, *parts)) if parts else ())
    given = map_tensors(lambda t: next(whole) if t.ndim and len(t) == rows else t, tuple(shown))
    own = slice(processes.rank * rows, (processes.rank + 1) * rows)
    return map_tensors(lambda t: t[own] if t.ndim and len(t) == processes.count * rows else t, call(*given))


def _of_all(tensor: Tensor, rows: int, processes: Processes) -> Tensor:
    """Return a tensor with the shape of all rows, without values or memory."""
    if not tensor.ndim or len(tensor) != rows:
        return tensor
    return tensor.new_zeros(()).expand(processes.count * rows, *tensor.shape[1:])


class _Gathered(torch.autograd.Function):
    """The rows of all processes; each process gets the gradients of its own rows, summed over the processes."""

    @staticmethod
    def forward(ctx: Any, processes: Processes, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.processes = processes
        return tuple(processes.gather(tensors))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rank, count = ctx.processes.rank, ctx.processes.count
        wanted = list(ctx.needs_input_grad[1:])
        sums = [at_least_float32(gradient).clone() for gradient, one in zip(gradients, wanted, strict=True) if one]
        ctx.processes.add_up(sums)
        own = iter(torch.chunk(total, count)[rank] for total in sums)
        return None, *(
            next(own).to(gradient.dtype) if one else None for gradient, one in zip(gradients, wanted, strict=True)
        )


def _with_own_draws(call: Call, processes: Processes, generator: torch.Generator, *values: Any) -> Any:
    rows = _rows(values)
    if rows is None:
        return call(*values)
    with CutDraws(generator, processes, rows):
        return call(*values)


class CutDraws(TorchFunctionMode):
    """A mode that draws for the whole batch whatever has a value for each row, and cuts it to a process's rows.

    So `torch.rand(rows, 4, generator=generator)` gives each process its rows of one process's draw. The batch is the
    first axis with `rows` elements; a draw without one is the same in all processes.

    Args:
        generator: whose draws these are; others are left unchanged.
        processes: have equal parts of the batch, in the order of their ranks.
        rows: of each of them.
    """

    def __init__(self, generator: torch.Generator, processes: Processes, rows: int) -> None:
        super().__init__()
        self.generator, self.processes, self.rows = generator, processes, rows

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if options.get("generator") is not self.generator:
            return func(*args, **options)
        if func in (torch.rand, torch.randn) and args and isinstance(args[0], int):  # a size of several arguments
            args = (args,)
        given = [*args, *options.values()]
        shapes = [_shape(value) for value in given]
        axis = next((shape.index(self.rows) for shape in shapes if self.rows in shape), None)
        if axis is None or func in _OF_WEIGHTS:
            return func(*args, **options)
        whole = partial(self._whole, axis)
        drawn = func(*map(whole, args), **{name: whole(value) for name, value in options.items()})
        own = drawn.narrow(axis, self.processes.rank * self.rows, self.rows)
        return given[0].copy_(own) if func.__name__.endswith("_") else own  # which fills a tensor

    def _whole(self, axis: int, value: Any) -> Any:
        """Enlarge a tensor, or a size, to the whole batch; return anything else unchanged."""
        shape = _shape(value)
        if len(shape) <= axis or shape[axis] != self.rows:
            return value
        if isinstance(value, Tensor):
            return torch.cat([value] * self.processes.count, axis)
        return (*shape[:axis], self.rows * self.processes.count, *shape[axis + 1 :])


_OF_WEIGHTS = (torch.multinomial, Tensor.multinomial)
"""Functions that draw along an axis of a tensor, and not for each of its elements."""


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else tuple(value) if isinstance(value, tuple | list) else ()
