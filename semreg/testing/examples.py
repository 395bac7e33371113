"""The inputs of a call as examples: of other rows, another dtype, on another device."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from semreg.components.values import map_tensors, tensors_of
from semreg.core.options import Signature, signature_of
from semreg.testing.checks import require

Inputs = tuple[Any, ...]


@dataclass(frozen=True)
class ExampleCall:
    """A component with the inputs and options of one call. A class is made with the options first, as a recipe does."""

    component: Callable[..., Any]
    inputs: Inputs
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(getattr(self.component, "__name__", type(self.component).__name__))

    @property
    def signature(self) -> Signature:
        return signature_of(self.component)

    @property
    def random(self) -> bool:
        return "generator" in self.signature.parameters

    @property
    def rows(self) -> int:
        """How many rows the batch has: those of the first tensor."""
        return row_count(self.inputs)

    def made(self) -> Callable[..., Any]:
        """What is called: the function, or an instance of the class."""
        component: Any = self.component
        made: Any = component(**self.options) if inspect.isclass(component) else component
        return cast(Callable[..., Any], made)

    def once_made(self) -> Callable[[Inputs], Any]:
        """What calls it as each step of a run does: a class is made before."""
        made = self.made()
        return (lambda inputs: made(*inputs)) if inspect.isclass(self.component) else self

    def __call__(self, inputs: Inputs | None = None, seed: int = 0) -> Any:
        """The result, of other inputs if given; a random component draws from a generator of its own, on the CPU."""
        given = self.inputs if inputs is None else inputs
        filled = {"generator": torch.Generator().manual_seed(seed)} if self.random else {}
        if inspect.isclass(self.component):
            return self.made()(*given)
        return self.component(*given, **self.options, **filled)


def mapped(inputs: Inputs, tensors: Callable[[Tensor], Tensor], modules: Callable[[nn.Module], nn.Module]) -> Inputs:
    """Inputs with their tensors, those in posteriors among them, and their modules changed."""
    return tuple(modules(value) if isinstance(value, nn.Module) else map_tensors(tensors, value) for value in inputs)


def modules_of(inputs: Inputs) -> list[nn.Module]:
    return [value for value in inputs if isinstance(value, nn.Module)]


def row_count(inputs: Inputs) -> int:
    tensors = tensors_of(inputs)
    require(bool(tensors), "the examples of inputs hold no tensor")
    return len(tensors[0])


def taken(inputs: Inputs, indices: Sequence[int]) -> Inputs:
    """The rows `indices` of all tensors that have as many rows as the batch."""
    rows, index = row_count(inputs), torch.tensor(indices, dtype=torch.int64)
    return with_tensors(inputs, lambda t: t.index_select(0, index) if t.ndim and len(t) == rows else t)


def with_tensors(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Inputs with changed tensors; modules stay."""
    return mapped(inputs, change, lambda module: module)


def with_floats(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Inputs with changed floating-point tensors."""
    return with_tensors(inputs, lambda tensor: change(tensor) if tensor.is_floating_point() else tensor)


def with_integers(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Inputs with changed integer tensors: classes, mostly."""
    return with_tensors(inputs, lambda tensor: tensor if tensor.is_floating_point() else change(tensor))


def in_dtype(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """Inputs whose floating-point tensors, and copies of whose modules, have a dtype."""
    return mapped(
        inputs,
        lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor,
        lambda module: copy.deepcopy(module).to(dtype),
    )


def on_device(inputs: Inputs, device: torch.device) -> Inputs:
    """Inputs, and copies of the modules, on a device."""
    return mapped(inputs, lambda tensor: tensor.to(device), lambda module: copy.deepcopy(module).to(device))


def with_gradients(inputs: Inputs) -> tuple[Inputs, list[Tensor]]:
    """Inputs with new floating-point leaves that require gradients, and these leaves."""
    fresh = with_floats(inputs, lambda tensor: tensor.detach().clone().requires_grad_())
    return fresh, [tensor for tensor in tensors_of(fresh) if tensor.requires_grad]
