"""A recipe's text as it stands in another folder: comments and all, what it names written so that it is found there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semreg.recipe.bounds import TomlTable, read_toml
from semreg.recipe.names import find_recipe, from_folder


def copied_text(path: Path, folder: Path) -> str:
    """The text of the recipe at `path` for a file in `folder`. Raises UserError if it is no recipe's.

    What it extends, and its judges, are names where they are shipped, and else paths from there.
    """
    text = path.read_text(encoding="utf-8")
    for said in dict.fromkeys(_named(read_toml(path))):
        try:
            place = find_recipe(said, path.parent)
        except LookupError:  # what isn't there stays as it is, and is told of where it is needed
            continue
        text = re.sub(f"(?P<quote>[\"']){re.escape(said)}(?P=quote)", f'"{from_folder(place, folder)}"', text)
    return text


def _named(table: TomlTable) -> Iterator[str]:
    """The recipes that a recipe names."""
    for part in (table, table.get("fallback")):
        if not isinstance(part, dict):
            continue
        extends, evaluations = part.get("extends", []), part.get("evaluate")
        yield from [one for one in ([extends] if isinstance(extends, str) else extends) if isinstance(one, str)]
        yield from _judges(evaluations.values() if isinstance(evaluations, dict) else ())


def _judges(evaluations: Any) -> Iterator[str]:
    for evaluation in evaluations:
        if isinstance(evaluation, dict) and isinstance(evaluation.get("judge"), str):
            yield evaluation["judge"]
