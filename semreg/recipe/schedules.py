"""Schedules: the factor on a rate or a weight over a phase, checked before training."""

from __future__ import annotations

import math
from collections.abc import Iterator

from semreg.core import Problem, UserError
from semreg.recipe.component_errors import naming_component
from semreg.recipe.plan import Node

MOMENTS = 100
"""The number of moments of a phase at which a schedule is checked."""


def factor_at(node: Node, epoch: float, epochs: int, source: str) -> float:
    """Return the factor at `epoch`, fractional, of `epochs`. Raises UserError if it is negative or not finite."""
    with naming_component(node, source):
        factor = float(node.loaded.value(epoch, epochs, **node.options))
        if not 0 <= factor < math.inf:
            raise ValueError(f"a factor is a finite number, not below 0; at epoch {epoch:g} of {epochs} it is {factor}")
        return factor


def schedule_problems(node: Node, epochs: int) -> Iterator[Problem]:
    """Yield the error of the first invalid factor in a phase."""
    try:
        for moment in range(MOMENTS):
            factor_at(node, epochs * moment / MOMENTS, epochs, "")
    except UserError as error:
        yield from error.problems
