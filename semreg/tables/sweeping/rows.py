"""The rows of a sweep: a recipe with values for the varied keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from semreg.recipe.load import Recipe, with_overrides
from semreg.recipe.toml_text import toml_value
from semreg.tables.sweeping.axes import Axis, row_names, row_title, short_keys


@dataclass(frozen=True)
class SweptRow:
    """A combination of values, by dotted keys, with its recipe and title."""

    varied: Mapping[str, Any]
    recipe: Recipe
    title: str


def swept_rows(
    recipe: Recipe, axes: Sequence[Axis], combinations: Iterable[Sequence[Any]], before: Sequence[str] = ()
) -> list[SweptRow]:
    """Return the rows of some combinations of the axes' values, with names unlike those of the titles `before`."""
    keys, combinations = short_keys(axes), list(combinations)
    titles = [row_title(keys, values) for values in combinations]
    names = row_names(recipe.path.stem, [*before, *titles])[len(before) :]
    rows = []
    for values, title, name in zip(combinations, titles, names, strict=True):
        given = sorted(zip(axes, values, strict=True), key=lambda one: _turn(one[0]))
        varied = {axis.dotted: value for axis, value in given}
        own = with_overrides(recipe, [f"{key}={toml_value(value)}" for key, value in varied.items()])
        titled = (*own.overrides, {"description": title})
        named = replace(own, path=recipe.path.with_name(f"{name}.toml"), overrides=titled)
        rows.append(SweptRow(varied, named, title))
    return rows


def _turn(axis: Axis) -> float:
    """Return a key's place in the order: a component comes before its options, which differ between components."""
    return len(axis.key) if axis.key[-1] == "use" else math.inf
