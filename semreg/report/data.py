"""The data in a run's page, from the run's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semreg.core import Table
from semreg.core.hookspecs import Section
from semreg.data.summary import lines

MOST_ROWS = 100
"""The most classes or attributes of a field in a table; a line summarises more."""
ORDERS = {
    "ring": "The classes form a ring: each is a neighbour of those above and below it, and the last of the first.",
    "line": "The classes form a line: each is a neighbour of those above and below it.",
}


def data_section(data: Mapping[str, Any]) -> Section | None:
    """Return the section on a run's data, with a table for each field of few labels; None for a run that recorded
    nothing.
    """
    if "taken" not in data:
        return None
    taken, fields = data["taken"], data["fields"]
    told = {**taken["classes"], **taken["attributes"]}
    labels = [name for name in fields if name in told and len(fields[name]["names"]) <= MOST_ROWS]
    rest = {name: field for name, field in fields.items() if name == "image" or (name in told and name not in labels)}
    text = "\n\n".join(f"{line[:1].upper()}{line[1:]}." for line in lines(rest, data["counts"], taken))
    splits = [split for split, count in data["counts"].items() if count]
    return Section("Data", text, [_table(name, fields[name], taken, splits) for name in labels])


def _table(name: str, field: Mapping[str, Any], taken: Mapping[str, Any], splits: list[str]) -> Table:
    """Return how many images of each split have a class or an attribute, in the order of the classes."""
    kind = "class" if field["kind"] == "class" else "attribute"
    columns = dict(taken["classes" if kind == "class" else "attributes"][name])
    columns = {split: columns[split] for split in splits}
    known = (taken.get("known") or {}).get(name) or {}
    columns |= {f"known in {split}": known[split] for split in splits if known}
    rows = [(str(label), *values) for label, *values in zip(field["names"], *columns.values(), strict=True)]
    return Table(name, (kind, *columns), rows, ORDERS.get(field.get("order", ""), ""))
