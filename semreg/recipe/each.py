"""`[each]`: text substitution after merging and before parsing, without conditions or arithmetic."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Any

from semreg.core import Problem, UserError, closest
from semreg.core.errors import MOST_PROBLEMS
from semreg.recipe.bounds import MOST_CHARACTERS, MOST_ENTRIES, TomlTable

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")


_SPREAD = re.compile(r"\*\s*((?:\w|\{\w+\})+)")


_NOTHING = "\0"  # marks a spread without values until it is removed with its comma


def expand(table: TomlTable, source: str) -> TomlTable:
    """Return the table without `[each]` and with its variables replaced everywhere in its text.

    A key with a variable is repeated for every value; its contents use the same value. An entry of a list with a free
    variable is also repeated; in an expression `*name_{m}` becomes all names. A variable defined by another's name
    (`o = "m"`) takes the same values except the current value of `m`. A variable with a single value and without such a
    second name is replaced in any text: recipes that extend this one may change this name.
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
    """Return the values of each variable and, for an alias, the variable that it takes them from."""
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
            problems.append(Problem(f"each.{name}", "a value occurs twice"))
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

    def table(self, table: Mapping[str, Any], bound: Mapping[str, str], where: str) -> TomlTable:
        result: TomlTable = {}
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
        """Return `bound` extended by every combination of values of the variables that are free in `text`."""
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
        """Raise UserError once the expanded recipe is too large."""
        self.entries += entries
        self.characters += characters
        if self.entries > MOST_ENTRIES or self.characters > MOST_CHARACTERS:
            most = f"{MOST_ENTRIES} entries or {MOST_CHARACTERS} characters"
            raise UserError(self.source, [Problem("each", f"writes out to more than {most}")])


def _substitute(text: str, bound: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: bound.get(match.group(1), match.group(0)), text)
