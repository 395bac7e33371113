"""Routing: which losses reach a module, and which modules can share one backward pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semreg.recipe.plan import Weight

Rows = Mapping[str, Mapping[str, "Weight"]]


@dataclass(frozen=True)
class Backward:
    """One backward pass of Σ weight · loss; only the parameters of `modules` receive its gradients."""

    weights: Mapping[str, Weight]
    modules: tuple[str, ...]
    reached: frozenset[str]
    """The modules that the gradient would reach, whether or not the pass trains them."""


def share_backwards(
    rows: Rows, reaches: Mapping[str, frozenset[str]], alone: Collection[str] = ()
) -> tuple[Backward, ...]:
    """Find the fewest backward passes for the rows of one step, by a greedy search.

    Args:
        rows: for each module the losses that train it, with weights.
        reaches: for each loss the modules whose parameters its gradient reaches.
        alone: the modules that share no pass.

    Two modules share a pass if each loss in either row is in the other row with the same weight or schedule, or does
    not reach the other module. Then the gradient of the sum equals, for each of them, that of its own row.
    """
    groups: list[list[str]] = []
    for module in rows:
        for group in groups:
            if not {module, *group} & {*alone} and all(_agree(module, other, rows, reaches) for other in group):
                group.append(module)
                break
        else:
            groups.append([module])
    return tuple(_pass(group, rows, reaches) for group in groups)


def _pass(group: list[str], rows: Rows, reaches: Mapping[str, frozenset[str]]) -> Backward:
    weights = _union(rows[module] for module in group)
    return Backward(weights, tuple(group), frozenset().union(*(reaches[loss] for loss in weights)))


def _agree(a: str, b: str, rows: Rows, reaches: Mapping[str, frozenset[str]]) -> bool:
    return _harmless(rows[a], b, rows, reaches) and _harmless(rows[b], a, rows, reaches)


def _harmless(row: Mapping[str, Weight], module: str, rows: Rows, reaches: Mapping[str, frozenset[str]]) -> bool:
    return all(rows[module].get(loss) == weight or module not in reaches[loss] for loss, weight in row.items())


def _union(rows: Iterable[Mapping[str, Weight]]) -> dict[str, Weight]:
    merged: dict[str, Weight] = {}
    for row in rows:
        merged.update(row)
    return merged
