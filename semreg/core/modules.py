"""Functions as nn.Modules, for your own training loop: options are checked once, inputs come with each call."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from semreg.core.errors import UserError
from semreg.core.kinds import at_place
from semreg.core.options import Signature, check_inputs, check_options, required_inputs, signature_of
from semreg.core.registry import find, load, with_article

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["as_module"]


def as_module(component: Callable[..., Any] | str, /, **options: Any) -> nn.Module:
    """Make an nn.Module of a loss or another function of tensors; it holds the options and is called with the inputs.

        loss = as_module(angular_triplet_neighbor_loss, margin=1.2, neighbors="line")
        loss(codes, labels).backward()

    A random function also takes `generator` in a call. Options that are modules or parameters become part of the module
    and of its state; options that are tensors follow `.to(device)` but are not part of its state.

    Args:
        component: a function; a class, instantiated with the options (an instance that is an nn.Module is returned
            itself); or the name that recipes use for a function or class, such as "atnl".
        options: by keyword, as in the function's signature.

    Raises:
        ValueError: for options that are unknown, missing, of a wrong type or out of bounds; it lists all.
        TypeError: if `component` is not a function of tensors; in a call, for too few or too many inputs.
        LookupError: if no component has the name. UserError, if it can't be imported.
    """
    from torch import nn  # here, since the core is imported by commands that answer without it

    if isinstance(component, str):
        component = load(find(component, (*at_place("call"), *at_place("module"))))
    if not callable(component):
        raise TypeError(
            f"as_module takes a function, a class or a component's name; found {with_article(_name(component))}"
        )
    signature, name = signature_of(component), _name(component)
    made = inspect.isclass(component)
    inputs = 0 if made else len(required_inputs(_without(signature, options)))
    problems = check_options(signature, options, inputs=inputs, where="", name=name, ignore=())
    if problems:
        raise ValueError(UserError(f"as_module({name})", problems).text())
    function, bound = (component(**options), {}) if made else (component, options)
    if not callable(function):
        raise TypeError(f"as_module({name}): {with_article(name)} is not called with tensors")
    module: nn.Module = function if isinstance(function, nn.Module) else _function_module()(function, bound)
    return module


def _name(component: Any) -> str:
    return getattr(component, "__name__", type(component).__name__)


def _without(signature: Signature, options: Mapping[str, Any]) -> Signature:
    """Return the parameters that remain once the function has its options."""
    return replace(signature, parameters={key: p for key, p in signature.parameters.items() if key not in options})


@cache
def _function_module() -> Any:
    """Return the class of modules that hold a function, created on first use: the core is imported without PyTorch."""
    from torch import Tensor, nn

    class FunctionModule(nn.Module):
        def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
            super().__init__()
            left = _without(signature_of(function), options)
            self.function, self.keys = function, tuple(options)
            self.fewest = len(required_inputs(left))
            self.most = math.inf if left.spreads() else len(left.inputs())
            for key, value in options.items():  # under names that no attribute of modules has
                if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                    self.register_buffer(f"option_{key}", value, persistent=False)
                else:
                    setattr(self, f"option_{key}", value)

        def options(self) -> dict[str, Any]:
            return {key: getattr(self, f"option_{key}") for key in self.keys}

        def forward(self, *inputs: Any, generator: torch.Generator | None = None, **named: Any) -> Any:
            options = self.options()
            if named:
                taken = ", ".join(one.name for one in _without(signature_of(self.function), options).inputs())
                raise TypeError(f"{_name(self.function)} takes its inputs by position: ({taken})")
            if not self.fewest <= len(inputs) <= self.most:
                left = _without(signature_of(self.function), options)
                raise TypeError(check_inputs(left, len(inputs), where="", name=_name(self.function))[0].message)
            if generator is not None:
                options["generator"] = generator
            return self.function(*inputs, **options)

        def extra_repr(self) -> str:
            shown = {key: value for key, value in self.options().items() if not isinstance(value, nn.Module)}
            return ", ".join(
                f"{key}=tensor{tuple(value.shape)}" if isinstance(value, Tensor) else f"{key}={value!r}"
                for key, value in shown.items()
            )

        def _get_name(self) -> str:
            return _name(self.function)

        def __reduce__(self) -> tuple[Any, ...]:  # pickle and copy find no class that is made in a function
            state: Any = super().__getstate__()  # type: ignore[no-untyped-call]
            return _blank, (), state

    return FunctionModule


def _blank() -> nn.Module:
    """Return an empty module, for pickle to fill."""
    kind = _function_module()
    blank: nn.Module = kind.__new__(kind)
    return blank
