"""The differences between the recipes of a grid's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semreg.recipe.comparing import differing_values
from semreg.recipe.toml_text import toml_value
from semreg.tables.blocks import NOTHING, Block, Text
from semreg.tables.grid import Row

MOST_KEYS = 40
LONGEST_VALUE = 80
"""Characters of a value; some values are a whole table."""
_NOT_COMPARED = ("name", "description", "seed")
"""Keys that the table shows elsewhere."""


def differences_of(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return the dotted keys at which the recipes of rows differ, with the value of each row that has one, by row name.

    It leaves out rows whose recipes are not known.
    """
    known = [row for row in rows if row.recipe]
    compared = [{key: value for key, value in row.recipe.items() if key not in _NOT_COMPARED} for row in known]
    return {
        key: {row.name: value for row, value in zip(known, values, strict=True) if value is not None}
        for key, values in (differing_values(compared) if compared else ())
    }


def differences_block(rows: Sequence[Row], titles: Mapping[str, str]) -> Block | None:
    """Return the differences as a table with a column for each key, or for each row if there are more keys; None if
    none.
    """
    found = differences_of(rows)
    if not found:
        return None
    known = [row for row in rows if row.recipe]
    keys = list(found)[:MOST_KEYS]
    title, captions = "Differences between the recipes", []
    if len(found) > MOST_KEYS:
        captions.append(f"{len(found) - MOST_KEYS} more keys differ; semreg diff A B shows all of two recipes.")
    if len(keys) > len(known):
        lines = [[key, *(_text(found[key].get(row.name)) for row in known)] for key in keys]
        return Block(title, ["", *(titles[row.name] for row in known)], lines, captions, numeric=False)
    lines = [[titles[row.name], *(_text(found[key].get(row.name)) for key in keys)] for row in known]
    return Block(title, ["", *keys], lines, captions, numeric=False, of=known)


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    said = value["use"] if isinstance(value, Mapping) and set(value) == {"use"} else value
    text = said if isinstance(said, str) else toml_value(said)
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return Text(text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…", number)
