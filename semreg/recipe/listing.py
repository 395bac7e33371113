"""The list of recipes that semreg ships: name, a sentence, data, paper, and minutes of each."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path

from semreg.core import UserError, closest
from semreg.recipe.bounds import read_toml
from semreg.recipe.load import load_recipe
from semreg.recipe.names import shipped_names, shipped_recipes

MINUTES = "minutes.json"
"""The results of `python -m benchmarks.recipe_minutes`, stored beside the recipes."""
PARTIAL = "partial/"
"""Recipes that others extend and that don't run by themselves."""
_SENTENCE = re.compile(r".+?[.:](?=\s|$)(?<!et al\.)")


@dataclass(frozen=True)
class RecipeSummary:
    """The entry of a recipe in the list. `minutes` are of training only, on one thread; None if unknown."""

    name: str
    sentence: str
    paper: str
    data: str
    minutes: float | None


def summaries(pattern: str | None = None) -> list[RecipeSummary]:
    """Return the shipped recipes whose names fit a pattern such as "mnist/*"; without one, those outside of folders.

    Raises UserError if none fits.
    """
    partial = bool(pattern and pattern.startswith(PARTIAL))
    names = [name for name in shipped_names() if name.startswith(PARTIAL) == partial]
    chosen = fnmatch.filter(names, pattern) if pattern else [name for name in names if "/" not in name]
    if not chosen:
        raise UserError("", f"no recipe's name matches {pattern!r}{closest(str(pattern), names)}")
    path = shipped_recipes() / MINUTES
    minutes = json.loads(path.read_text()) if path.is_file() else {}
    return [_summary(name, minutes.get(name)) for name in chosen]


def _summary(name: str, minutes: float | None) -> RecipeSummary:
    path = shipped_recipes() / f"{name}.toml"
    table = load_recipe(path).table
    data = [str(one.get("data", {}).get("use", "")) for one in (table, table.get("fallback", {}))]
    sentence = str(read_toml(path).get("description") or _first_sentence(path))
    return RecipeSummary(name, sentence, str(table.get("paper", "")), ", else ".join(filter(None, data)), minutes)


def _first_sentence(path: Path) -> str:
    """Return the first sentence of the comment at the head of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = " ".join(line.lstrip("# ") for line in lines[: next(k for k, one in enumerate(lines) if one[:1] != "#")])
    found = _SENTENCE.match(head)
    return (found.group() if found else head).rstrip(".:")


def rough_duration(minutes: float | None) -> str:
    """Return minutes, rounded for a list."""
    if minutes is None:
        return ""
    if minutes < 1:
        return "< 1 min"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.0f} h"
