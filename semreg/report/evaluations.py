"""Evaluations' descriptions of themselves: their measure, the better direction of their figures, and their source."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from semreg.recipe.documentation import first_sentence, source_of
from semreg.recipe.resolve import loaded

ARROWS = {"higher": "↑", "lower": "↓", "": ""}


@dataclass(frozen=True)
class About:
    """The description of an evaluation: a sentence, a source, and for globs of its figures a direction, `higher` or
    `lower`, and a unit."""

    measures: str = ""
    source: str = ""
    better: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def way(self, figure: str) -> str:
        """Return the better direction of a figure, `higher` or `lower`; empty if unknown."""
        return _first(self.better, figure)

    def arrow(self, figure: str) -> str:
        """Return ↑ if a higher figure is better, ↓ if a lower one is, and nothing if unknown."""
        return ARROWS[self.way(figure)]

    def unit(self, figure: str) -> str:
        """Return the unit of a figure; empty if unknown."""
        return _first(self.units, figure)

    def direction(self, figures: Iterable[str]) -> str:
        """Return the better directions of these figures as a sentence; empty if none is known."""
        said = dict.fromkeys(map(self.arrow, figures))
        ways = [f"{way} ({arrow})" for way, arrow in ARROWS.items() if arrow and arrow in said]
        return f"{' or '.join(ways).capitalize()} is better." if ways else ""


def about(table: Any, kind: str = "evaluation") -> About:
    """Return the description of a recipe's evaluation or comparison; an empty one if it isn't available here."""
    use = table.get("use") if isinstance(table, Mapping) else None
    if not isinstance(use, str):
        return About()
    component = loaded(use.partition("(")[0].strip(), [kind])
    if isinstance(component, str):
        return About()
    documentation = inspect.getdoc(component.value) or ""
    better = {glob: way for glob, way in _texts(component.value, "better").items() if way in ARROWS}
    units = _texts(component.value, "units")
    return About(first_sentence(documentation), source_of(component.value, documentation) or "", better, units)


def _texts(value: Any, attribute: str) -> dict[str, str]:
    """Return a text for each glob, from an attribute of a possibly untrusted component."""
    found = getattr(value, attribute, {})
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {glob: text for glob, text in pairs if isinstance(glob, str) and isinstance(text, str)}


def _first(texts: Mapping[str, str], figure: str) -> str:
    return next((text for glob, text in texts.items() if fnmatchcase(figure, glob)), "")
