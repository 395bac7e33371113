"""Merges one table of a recipe over another: `extends`, `without`, `[fallback]` and `--set`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from semreg.core import Problem, UserError, closest
from semreg.recipe.bounds import TomlTable
from semreg.recipe.schema import default_use, reserved_keys


def merge(base: TomlTable, over: TomlTable, source: str, prefix: str) -> TomlTable:
    """Merge `over` over `base`: tables merge, other values are replaced; `without` first drops entries of `base`."""
    over = dict(over)
    without = over.pop("without", [])
    if not isinstance(without, list) or not all(isinstance(key, str) for key in without):
        raise UserError(
            source, [Problem(f"{prefix}without", f"{without!r} is not a list of keys such as 'losses.adv_e'")]
        )
    result = deepcopy(base)
    problems = [problem for key in without if (problem := _drop(result, key, prefix))]
    if problems:
        raise UserError(source, problems)
    return overlay(result, over)


def overlay(base: TomlTable, over: Mapping[str, Any], where: tuple[str, ...] = ()) -> TomlTable:
    """Merge `over` over `base`, both at the place `where` of a recipe; a new component drops the old one's options."""
    result = dict(base)
    old, new = base.get("use", default_use(where)), over.get("use")
    if isinstance(old, str) and isinstance(new, str) and _component(old) != _component(new):
        result = {key: value for key, value in base.items() if key in reserved_keys(where)}
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = overlay(result[key], value, (*where, key))
        else:
            result[key] = deepcopy(value)
    return result


def _component(use: str) -> str:
    return use.partition("(")[0].strip()


def _drop(table: TomlTable, key: str, prefix: str) -> Problem | None:
    """Remove the dotted `key`, and with a loss or a module also its weights."""
    *parents, last = key.split(".")
    place: Any = table
    for part in parents:
        place = place.get(part) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        known = place.keys() if isinstance(place, dict) else table.keys()
        return Problem(f"{prefix}without", f"nothing inherited is called {key!r}{closest(last, known)}")
    del place[last]
    if parents in (["losses"], ["modules"]):
        for rows in _train_tables(table):
            rows.pop(last, None)
            for row in rows.values():
                if isinstance(row, dict):
                    row.pop(last, None)
            for module in [name for name, row in rows.items() if row == {}]:
                del rows[module]
    return None


def _train_tables(table: TomlTable) -> Iterator[TomlTable]:
    phases = table.get("phases", {})
    for phase in phases.values() if isinstance(phases, dict) else ():
        if not isinstance(phase, dict):
            continue
        steps = phase.get("steps", {})
        for step in [phase, *(steps.values() if isinstance(steps, dict) else ())]:
            if isinstance(step, dict) and isinstance(step.get("train"), dict):
                yield step["train"]
