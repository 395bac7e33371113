"""The check that a component can be called as the Protocol of its kind defines (`semreg.core.interfaces`)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from semreg.testing.checks import require

MORE_INPUTS = 2
"""Labels that a method must accept if its Protocol takes any number of them."""


def require_interface(value: Any, protocol: type, options: Mapping[str, Any] | None = None) -> None:
    """Raise AssertionError unless a component has the methods of a Protocol, and each accepts the same arguments: as
    many inputs by position, the others by keyword, and the `options` of a recipe.

    A call of the component itself may take fewer inputs than its kind: an encoder takes the inputs of its recipe.
    """
    for name, expected in _methods(protocol).items():
        method: Any = value if name == "__call__" else getattr(value, name, None)
        require(callable(method), f"{protocol.__name__} has a method {name}, and this has none")
        refusal = _refusal(inspect.signature(method), expected, options or {}, whatever_inputs=name == "__call__")
        parameters = ", ".join(list(inspect.signature(expected).parameters)[1:])
        require(not refusal, f"{name} can't be called as {protocol.__name__}.{name}({parameters}) is: {refusal}")


def _methods(protocol: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in reversed(protocol.__mro__):
        public = {name: member for name, member in vars(kind).items() if name == "__call__" or not name.startswith("_")}
        if kind.__module__ == protocol.__module__:
            found |= {name: member for name, member in public.items() if inspect.isfunction(member)}
    return found


def _refusal(signature: inspect.Signature, expected: Any, options: Mapping[str, Any], *, whatever_inputs: bool) -> str:
    """Return why a signature doesn't fit a Protocol's method, or nothing."""
    parameters = list(inspect.signature(expected).parameters.values())[1:]
    inputs = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    keywords = dict.fromkeys(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        keywords |= dict.fromkeys(options)
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    try:
        if any_number and whatever_inputs:
            signature.bind_partial(**keywords)
        else:
            signature.bind(*[None] * (inputs + MORE_INPUTS * any_number), **keywords)
    except TypeError as error:
        return str(error)
    return ""
