"""Finds losses that would treat unknown values as absent ones."""

from __future__ import annotations

from collections.abc import Iterator

from semreg.core import KNOWN, Problem, Specification
from semreg.recipe.graph import Graph
from semreg.recipe.plan import Node, Read
from semreg.recipe.roles import contents


def unknown_read(fields: Specification, graph: Graph) -> Iterator[Problem]:
    """Yield an error for each loss that reads attributes with unknown values, without the field of known ones."""
    for name, loss in graph.losses.items():
        read = contents(graph.tensors, fields, loss)
        for field in sorted(read):
            if field + KNOWN in fields and field + KNOWN not in read:
                said = f"some values of {field!r} are not known, and this loss would take them for 0"
                yield Problem(f"losses.{name}", f"{said}; {_advice(loss, field)}")


def _advice(loss: Node, field: str) -> str:
    """Return how the loss leaves unknown values out."""
    known = field + KNOWN
    signature = loss.component.signature if loss.component is not None else None
    room = signature is not None and (signature.spreads() or len(signature.inputs()) > len(loss.inputs))
    if Read(field) in loss.inputs and room:
        return f'write `use = "{str(loss).removesuffix(")")}, {known})"`'
    return f"multiply what it compares by {known!r}, as in `multiply({field}, {known})`, or use binary_cross_entropy"
