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
    """Of one evaluation: a sentence, a source, and a direction, `higher` or `lower`, for globs of its figures."""

    measures: str = ""
    source: str = ""
    better: Mapping[str, str] = field(default_factory=dict)

    def arrow(self, figure: str) -> str:
        """↑ for a figure that is better the higher, ↓ for the lower, and nothing where that isn't said."""
        return ARROWS[next((way for glob, way in self.better.items() if fnmatchcase(figure, glob)), "")]

    def direction(self, figures: Iterable[str]) -> str:
        """Which way these figures are good, as a sentence; empty where that isn't said of any."""
        said = dict.fromkeys(map(self.arrow, figures))
        ways = [f"{way} ({arrow})" for way, arrow in ARROWS.items() if arrow and arrow in said]
        return f"Better is {' or '.join(ways)}." if ways else ""


def about(table: Any) -> About:
    """What the evaluation of a recipe's table says of itself; nothing where it can't be had here."""
    use = table.get("use") if isinstance(table, Mapping) else None
    if not isinstance(use, str):
        return About()
    component = loaded(use.partition("(")[0].strip(), ["evaluation"])
    if isinstance(component, str):
        return About()
    documentation = inspect.getdoc(component.value) or ""
    ways = getattr(component.value, "better", {})
    better = {str(glob): way for glob, way in ways.items() if way in ARROWS} if isinstance(ways, Mapping) else {}
    return About(first_sentence(documentation), source_of(component.value, documentation) or "", better)
