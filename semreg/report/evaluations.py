"""What evaluations say of themselves: what they measure, which way their figures are good, and whose measure it is."""

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
    """Of one evaluation: a sentence, a source, and for globs of its figures a direction, `higher` or `lower`, and a
    unit."""

    measures: str = ""
    source: str = ""
    better: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def way(self, figure: str) -> str:
        """Which way a figure is better, `higher` or `lower`; empty where that isn't said."""
        return _first(self.better, figure)

    def arrow(self, figure: str) -> str:
        """↑ for a figure that is better the higher, ↓ for the lower, and nothing where that isn't said."""
        return ARROWS[self.way(figure)]

    def unit(self, figure: str) -> str:
        """The unit of a figure; empty where that isn't said."""
        return _first(self.units, figure)

    def direction(self, figures: Iterable[str]) -> str:
        """Which way these figures are good, as a sentence; empty where that isn't said of any."""
        said = dict.fromkeys(map(self.arrow, figures))
        ways = [f"{way} ({arrow})" for way, arrow in ARROWS.items() if arrow and arrow in said]
        return f"Better is {' or '.join(ways)}." if ways else ""


def about(table: Any, kind: str = "evaluation") -> About:
    """What the evaluation, or comparison, of a recipe's table says of itself; nothing where it can't be had here."""
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
    """A text for each glob, as an attribute of anyone's component has them."""
    found = getattr(value, attribute, {})
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {glob: text for glob, text in pairs if isinstance(glob, str) and isinstance(text, str)}


def _first(texts: Mapping[str, str], figure: str) -> str:
    return next((text for glob, text in texts.items() if fnmatchcase(figure, glob)), "")
