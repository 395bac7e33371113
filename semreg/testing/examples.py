"""Example inputs of a call, with other rows, another dtype, or on another device."""

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
    """A component with the inputs and options of one call. A class is instantiated with the options first, as in a
    recipe.
    """

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
        """The batch's number of rows: that of the first tensor."""
        return row_count(self.inputs)

    def made(self) -> Callable[..., Any]:
        """Return the function, or an instance of the class."""
        component: Any = self.component
        made: Any = component(**self.options) if inspect.isclass(component) else component
        return cast(Callable[..., Any], made)

    def once_made(self) -> Callable[[Inputs], Any]:
        """Return a function that calls the component as each step of a run does: a class is instantiated once."""
        made = self.made()
        return (lambda inputs: made(*inputs)) if inspect.isclass(self.component) else self

    def __call__(self, inputs: Inputs | None = None, seed: int = 0) -> Any:
        """Call the component, with other inputs if given; a random one receives a separate generator on the CPU."""
        given = self.inputs if inputs is None else inputs
        filled = {"generator": torch.Generator().manual_seed(seed)} if self.random else {}
        if inspect.isclass(self.component):
            return self.made()(*given)
        return self.component(*given, **self.options, **filled)


def mapped(inputs: Inputs, tensors: Callable[[Tensor], Tensor], modules: Callable[[nn.Module], nn.Module]) -> Inputs:
    """Change the tensors of inputs, including those in posteriors, and their modules."""
    return tuple(modules(value) if isinstance(value, nn.Module) else map_tensors(tensors, value) for value in inputs)


def modules_of(inputs: Inputs) -> list[nn.Module]:
    return [value for value in inputs if isinstance(value, nn.Module)]


def row_count(inputs: Inputs) -> int:
    tensors = tensors_of(inputs)
    require(bool(tensors), "the examples of inputs hold no tensor")
    return len(tensors[0])


def taken(inputs: Inputs, indices: Sequence[int]) -> Inputs:
    """Take the rows `indices` of all tensors that have as many rows as the batch."""
    rows, index = row_count(inputs), torch.tensor(indices, dtype=torch.int64)
    return with_tensors(inputs, lambda t: t.index_select(0, index) if t.ndim and len(t) == rows else t)


def with_tensors(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Change the tensors of inputs; modules stay."""
    return mapped(inputs, change, lambda module: module)


def with_floats(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Change the floating-point tensors of inputs."""
    return with_tensors(inputs, lambda tensor: change(tensor) if tensor.is_floating_point() else tensor)


def with_integers(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """Change the integer tensors of inputs: classes, mostly."""
    return with_tensors(inputs, lambda tensor: tensor if tensor.is_floating_point() else change(tensor))


def in_dtype(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """Convert the floating-point tensors of inputs, and copies of the modules, to a dtype."""
    return mapped(
        inputs,
        lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor,
        lambda module: copy.deepcopy(module).to(dtype),
    )


def on_device(inputs: Inputs, device: torch.device) -> Inputs:
    """Move inputs, and copies of the modules, to a device."""
    return mapped(inputs, lambda tensor: tensor.to(device), lambda module: copy.deepcopy(module).to(device))


def with_gradients(inputs: Inputs) -> tuple[Inputs, list[Tensor]]:
    """Return inputs with new floating-point leaves that require gradients, and these leaves."""
    fresh = with_floats(inputs, lambda tensor: tensor.detach().clone().requires_grad_())
    return fresh, [tensor for tensor in tensors_of(fresh) if tensor.requires_grad]
