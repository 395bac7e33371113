"""The description of one component that `semreg show` prints: it comes from the component's code."""

from __future__ import annotations

import inspect
from typing import Any

from semreg.core.registry import Component, load
from semreg.recipe.documentation import source_of


def describe(component: Component) -> dict[str, Any]:
    """Import a component, and return its name, kind, origin, signatures, docstring and paper.

    Raises UserError if it cannot be imported.
    """
    value = load(component)
    documentation = inspect.getdoc(value) or ""
    signatures = [signature_text(component.name, value)]
    forward = getattr(value, "forward", None) if inspect.isclass(value) else None
    if callable(forward):
        signatures.append(signature_text("forward", forward))
    return {
        "name": component.name,
        "kind": component.kind,
        "distribution": component.distribution,
        "version": component.version,
        "target": component.target,
        "signatures": signatures,
        "documentation": documentation,
        "source": source_of(value, documentation),
    }


def text_of(component: Component) -> str:
    """Return the description of a component as lines for people. Raises UserError if it cannot be imported."""
    told = describe(component)
    lines = [f"{component.name or repr(component.name)} · {component.kind} · {component.origin}", ""]
    lines += [f"  {line}" for text in told["signatures"] for line in text.splitlines()]
    if told["documentation"]:
        lines += ["", told["documentation"]]
    lines += ["", *([f"source  {told['source']}"] if told["source"] else []), f"code    {component.target}"]
    return "\n".join(lines)


def signature_text(name: str, value: Any) -> str:
    """Return `name(a: Tensor, *, margin: float = 1.0) -> Tensor`, with the annotations as the code writes them."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return f"{name}(…)"
    parameters = [
        p.replace(annotation=_as_written(p.annotation)) for p in signature.parameters.values() if p.name != "self"
    ]
    returns = signature.empty if inspect.isclass(value) else _as_written(signature.return_annotation)
    signature = signature.replace(parameters=parameters, return_annotation=returns)
    if len(f"{name}{signature}") <= 100:
        return f"{name}{signature}"
    lines: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not any(line.startswith("*") for line in lines):
            lines.append("*")
        lines.append(str(parameter))
    arrow = str(signature.replace(parameters=[])).removeprefix("()")
    return "\n".join([f"{name}(", *(f"    {line}," for line in lines), f"){arrow}"])


class _Text(str):
    """A string that prints without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_written(annotation: Any) -> Any:
    return _Text(annotation) if isinstance(annotation, str) else annotation
