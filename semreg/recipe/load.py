"""From recipe files to one plain table: `extends`, `without`, `[fallback]`, `--set` and `[each]`."""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg.core import Problem, UserError, closest
from semreg.core.errors import MOST_PROBLEMS
from semreg.recipe.bounds import (
    DEEPEST_EXTENDS,
    MOST_CHARACTERS,
    MOST_ENTRIES,
    MOST_FILES,
    parse_table,
    read_table,
    require_bounds,
)

Table = dict[str, Any]

# Keys of an optimiser's table that do not belong to the optimiser.
OPTIMIZER_KEYS = frozenset({"schedule", "groups", "clip"})

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_SPREAD = re.compile(r"\*\s*((?:\w|\{\w+\})+)")
_NOTHING = "\0"  # stands where a spread found no value, until it goes with its comma


@dataclass(frozen=True)
class Recipe:
    """A recipe with everything it extends merged in, before `[fallback]`, `--set` and `[each]` are applied."""

    path: Path
    table: Table
    overrides: tuple[Table, ...] = ()

    @property
    def has_fallback(self) -> bool:
        return "fallback" in self.table

    def resolve(self, *, fallback: bool = False) -> Table:
        """The one table that is run. Raises UserError for a `without` that drops nothing and for misuse of `[each]`."""
        source = str(self.path)
        require_bounds(self.table, source)
        table, overrides = deepcopy(self.table), deepcopy(self.overrides)
        alternative = table.pop("fallback", {})
        for override in overrides:
            changes = override.pop("fallback", {})
            alternative = overlay(alternative, changes) if isinstance(changes, dict) else changes
        if not isinstance(alternative, dict):
            raise UserError(
                source, [Problem("fallback", f"{alternative!r} is not a table to be merged over the recipe")]
            )
        if fallback:
            table = _merge(table, alternative, source, "fallback.")
        for override in overrides:
            table = _merge(table, override, source, "")
        table = expand(table, source)
        require_bounds(table, source)
        return table


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe at `path` with its `extends` followed and `overrides` ("losses.atnl.margin=0.9") kept for later.

    Raises UserError for a missing, unreadable or oversized file, TOML errors (with the line), and loops of `extends`.
    """
    path = Path(path)
    return Recipe(path, _read_merged(path, (), itertools.count(1)), tuple(_override(text) for text in overrides))


def composed_recipe(path: Path, table: Table, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe that `load_recipe` would read from a file at `path` with this table; there need be none."""
    return Recipe(
        path, _merged(dict(table), path, (), itertools.count(1)), tuple(_override(text) for text in overrides)
    )


def _read_merged(path: Path, seen: tuple[Path, ...], count: Iterator[int]) -> Table:
    """The table of a recipe with what it extends, reached through the recipes `seen`; `count` counts the files read."""
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links that go in a circle, characters no path can have
        raise UserError(str(path), f"cannot be read: {error}") from None
    if resolved in seen:
        loop = " -> ".join(p.name for p in (*seen[seen.index(resolved) :], resolved))
        raise UserError(str(seen[0]), f"'extends' goes in a circle: {loop}")
    if len(seen) >= DEEPEST_EXTENDS:
        raise UserError(str(seen[0]), f"'extends' is more than {DEEPEST_EXTENDS} recipes deep")
    if next(count) > MOST_FILES:
        raise UserError(str(seen[0]), f"'extends' reads more than {MOST_FILES} files")
    return _merged(read_table(path), path, (*seen, resolved), count)


def _merged(table: Table, path: Path, seen: tuple[Path, ...], count: Iterator[int]) -> Table:
    """The table with what it extends, where it stands at `path`."""
    alternative = table.get("fallback")
    if isinstance(alternative, dict) and "extends" in alternative:
        inherited = _parents(alternative.pop("extends"), path, seen, count, "fallback.")
        table["fallback"] = overlay(inherited, alternative)
    return _merge(_parents(table.pop("extends", []), path, seen, count, ""), table, str(path), "")


def _parents(named: Any, path: Path, seen: tuple[Path, ...], count: Iterator[int], prefix: str) -> Table:
    """The recipes that `extends` names, one or several, merged in order: the later win."""
    parents = [named] if isinstance(named, str) else named
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise UserError(
            str(path), [Problem(f"{prefix}extends", f"{named!r} is not the name of a recipe, or a list of names")]
        )
    merged: Table = {}
    for parent in parents:
        place = _locate(parent, path)
        merged = overlay(merged, _relocated(_read_merged(place, seen, count), place.parent, path.parent))
    return merged


def _relocated(table: Table, written_in: Path, read_in: Path) -> Table:
    """The table of a recipe as one in another folder would have to write it: a judge's recipe is a path."""
    evaluations = table.get("evaluate")
    if written_in.resolve() != read_in.resolve() and isinstance(evaluations, dict):
        for evaluation in evaluations.values():
            if isinstance(evaluation, dict) and isinstance(evaluation.get("judge"), str):
                evaluation["judge"] = os.path.relpath(written_in / evaluation["judge"], read_in)
    return table


def _locate(parent: str, path: Path) -> Path:
    """`extends` names a file beside the recipe, or `package:file` for a recipe shipped inside a plugin's package."""
    package, colon, inside = parent.partition(":")
    if colon and package.isidentifier():
        try:
            specification = importlib.util.find_spec(package)
        except ValueError:  # what Python says of `__main__`
            specification = None
        if specification is None or not specification.submodule_search_locations:
            raise UserError(str(path), [Problem("extends", f"no package {package!r} is installed to hold {inside!r}")])
        return Path(specification.submodule_search_locations[0]) / inside
    found = path.parent / parent
    if not os.path.isfile(found):  # unlike Path.is_file it never raises
        known = [p.name for p in found.parent.glob("*.toml")] if os.path.isdir(found.parent) else []
        near = closest(Path(parent).name, known)
        raise UserError(str(path), [Problem("extends", f"there is no recipe {str(found)!r}{near}")])
    return found


def _override(text: str) -> Table:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {text}", "write KEY=VALUE, for example --set losses.atnl.margin=0.9")
    quoted = value.strip().replace("\\", "\\\\").replace('"', '\\"')
    try:
        table = parse_table(f"{key} = {value}")
    except tomllib.TOMLDecodeError:
        try:  # a text may go without quotes
            table = parse_table(f'{key} = "{quoted}"')
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"--set {text[:80]}", f"not KEY=VALUE in TOML's notation: {error}") from None
    require_bounds(table, f"--set {text[:80]}")
    return table


# --- merging ---------------------------------------------------------------------------------------------------------


def _merge(base: Table, over: Table, source: str, prefix: str) -> Table:
    """`over` on top of `base`: tables merge, all else replaces; `without` drops entries of `base` first."""
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


def overlay(base: Table, over: Mapping[str, Any], where: tuple[str, ...] = ()) -> Table:
    """`over` on top of `base`, both at the place `where` of a recipe; another component drops the old one's options."""
    result = dict(base)
    old, new = base.get("use"), over.get("use")
    if isinstance(old, str) and isinstance(new, str) and _component(old) != _component(new):
        result = {key: value for key, value in base.items() if key in _reserved(where)}
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = overlay(result[key], value, (*where, key))
        else:
            result[key] = deepcopy(value)
    return result


def _reserved(where: tuple[str, ...]) -> frozenset[str]:
    """What stays when the table there uses another component: all other keys were options of the one that went."""
    match where[1:] if where[:1] == ("fallback",) else where:
        case ("data",):
            return frozenset({"batch_size", "sampler", "split", "range"})
        case ("modules", _):
            return frozenset({"optimizer", "ema", "weights"})
        case ("optimizer",) | ("phases" | "modules", _, "optimizer"):
            return OPTIMIZER_KEYS
        case ("evaluate", _):
            return frozenset({"judge", "judge_data"})
        case _:
            return frozenset()


def _component(use: str) -> str:
    return use.partition("(")[0].strip()


def _drop(table: Table, key: str, prefix: str) -> Problem | None:
    """Removes the dotted `key`, and with a loss or a module the weights that mention it."""
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


def _train_tables(table: Table) -> Iterator[Table]:
    phases = table.get("phases", {})
    for phase in phases.values() if isinstance(phases, dict) else ():
        if not isinstance(phase, dict):
            continue
        steps = phase.get("steps", {})
        for step in [phase, *(steps.values() if isinstance(steps, dict) else ())]:
            if isinstance(step, dict) and isinstance(step.get("train"), dict):
                yield step["train"]


# --- [each] ----------------------------------------------------------------------------------------------------------


def expand(table: Table, source: str) -> Table:
    """The table with `[each]` taken out and its variables written out, everywhere, as text.

    A key with a variable is repeated for every value; its contents see that value. In a list an entry with a free
    variable is repeated likewise; in an expression `*name_{m}` becomes all names. A variable given as another's
    name (`o = "m"`) takes the same values but never the one that `m` has at that place. A variable with a single value
    and no such second name stands for its value in any text: a name that recipes which extend this one may change.
    """
    table = dict(table)
    each = table.pop("each", {})
    if not each:
        return table
    expander = _Expander(_variables(each, source), source)
    result = expander.table(table, {}, "")
    if expander.problems:
        raise UserError(source, expander.problems)
    return result


def _variables(each: Any, source: str) -> dict[str, tuple[list[str], str | None]]:
    """For each variable its values and, for an alias, whose values they are."""
    if not isinstance(each, dict):
        raise UserError(source, [Problem("each", f"{each!r} is not a table of variables")])
    found: dict[str, tuple[list[str], str | None]] = {}
    problems = []
    for name, values in each.items():
        if isinstance(values, list) and values and all(isinstance(v, str) and v.isidentifier() for v in values):
            found[name] = (values, None)
        elif isinstance(values, str) and isinstance(each.get(values), list):
            found[name] = (each[values], values)
        else:
            problems.append(
                Problem(f"each.{name}", f"{values!r} is neither a list of names nor another variable's name")
            )
        if isinstance(values, list) and len(set(map(str, values))) < len(values):
            problems.append(Problem(f"each.{name}", "a value stands there twice"))
    if problems:
        raise UserError(source, problems)
    return found


class _Expander:
    def __init__(self, variables: dict[str, tuple[list[str], str | None]], source: str) -> None:
        self.variables, self.source = variables, source
        aliased = {owner for _, owner in variables.values()}
        lone = {name: values[0] for name, (values, owner) in variables.items() if owner is None and not values[1:]}
        self.single = {name: value for name, value in lone.items() if name not in aliased}
        self.problems: list[Problem] = []
        self.entries = self.characters = 0

    def wrong(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))
        if len(self.problems) >= MOST_PROBLEMS:
            raise UserError(self.source, self.problems)

    def table(self, table: Mapping[str, Any], bound: Mapping[str, str], where: str) -> Table:
        result: Table = {}
        for key, value in table.items():
            place = f"{where}.{key}" if where else key
            for binding in self.bindings(key, bound, place):
                name = _substitute(key, binding)
                if name in result:
                    self.wrong(place, f"written out this gives {name!r} twice")
                result[name] = self.value(value, binding, place)
        return result

    def value(self, value: Any, bound: Mapping[str, str], where: str) -> Any:
        if isinstance(value, dict):
            return self.table(value, bound, where)
        if isinstance(value, list):
            return [
                self.value(item, binding, where)
                for item in value
                for binding in (self.bindings(item, bound, where) if isinstance(item, str) else [bound])
            ]
        if isinstance(value, str):
            return self.text(value, bound, where)
        return value

    def text(self, text: str, bound: Mapping[str, str], where: str) -> str:
        def spread(match: re.Match[str]) -> str:
            pattern = match.group(1)
            if not any(variable not in bound for variable in _VARIABLE.findall(pattern)):
                return match.group(0)
            bindings = self.bindings(pattern, bound, where)
            self.require_room(0, len(bindings) * len(pattern))
            return ", ".join(_substitute(pattern, binding) for binding in bindings) or _NOTHING

        text, spreads = _SPREAD.subn(spread, text)
        if spreads:
            text = re.sub(rf"{_NOTHING}\s*,\s*|,\s*{_NOTHING}|{_NOTHING}", "", text)
        bound = {**self.single, **bound}
        for variable in _VARIABLE.findall(text):
            if variable not in bound:
                hint = "bind it in the key, or spread it with '*'" if variable in self.variables else "no such variable"
                self.wrong(where, f"{{{variable}}} in {text!r}: {hint}{closest(variable, self.variables)}")
        text = _substitute(text, bound)
        self.require_room(0, len(text))
        return text

    def bindings(self, text: str, bound: Mapping[str, str], where: str) -> list[dict[str, str]]:
        """`bound` extended by every combination of values of the variables that are free in `text`."""
        free = list(dict.fromkeys(v for v in _VARIABLE.findall(text) if v not in bound))
        unknown = [v for v in free if v not in self.variables]
        if unknown:
            self.wrong(where, f"[each] has no variable {unknown[0]!r}{closest(unknown[0], self.variables)}")
            return []
        choices = [self.variables[v][0] for v in free]
        self.require_room(math.prod(map(len, choices)), 0)
        found = []
        for values in itertools.product(*choices):
            binding = {**bound, **dict(zip(free, values, strict=True))}
            if all(
                owner is None or binding.get(owner) != binding[v] for v in binding for owner in [self.variables[v][1]]
            ):
                found.append(binding)
        return found

    def require_room(self, entries: int, characters: int) -> None:
        """Raises UserError once all that was written out is too much."""
        self.entries += entries
        self.characters += characters
        if self.entries > MOST_ENTRIES or self.characters > MOST_CHARACTERS:
            most = f"{MOST_ENTRIES} entries or {MOST_CHARACTERS} characters"
            raise UserError(self.source, [Problem("each", f"writes out to more than {most}")])


def _substitute(text: str, bound: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: bound.get(match.group(1), match.group(0)), text)
