"""Turns recipe files into one plain table: `extends`, `without`, `[fallback]`, `--set` and `[each]`."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from semreg.core import Problem, UserError
from semreg.recipe.bounds import (
    DEEPEST_EXTENDS,
    MOST_FILES,
    TomlTable,
    parse_toml,
    read_toml,
    require_bounds,
)
from semreg.recipe.each import expand
from semreg.recipe.merging import merge, overlay
from semreg.recipe.names import AmbiguousNameError, find_recipe, said_from, spelled


@dataclass(frozen=True)
class Recipe:
    """A recipe merged with everything that it extends, before `[fallback]`, `--set` and `[each]` are applied."""

    path: Path
    table: TomlTable
    overrides: tuple[TomlTable, ...] = ()
    written: tuple[str, ...] = ()
    """The overrides that were given as text."""
    said: str = field(default="", compare=False)
    """The name or path it was read by; empty for a composed recipe."""
    given: str | TomlTable | None = field(default=None, compare=False)
    """The TOML text or the table that it was read from, for a recipe without a file."""

    @property
    def has_fallback(self) -> bool:
        return "fallback" in self.table

    def resolve(self, *, fallback: bool = False) -> TomlTable:
        """Return the one table to run. Raises UserError for a `without` that drops nothing and for misuse of
        `[each]`."""
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
            table = merge(table, alternative, source, "fallback.")
        for override in overrides:
            table = merge(table, override, source, "")
        each = table.get("each")
        table = expand(table, source)
        require_bounds(table, source)
        return {**table, "each": each} if each else table  # judges receive it


def load_recipe(path: str | Path, overrides: Sequence[str] = (), *, of: Path | None = None) -> Recipe:
    """Load the recipe at `path` with its `extends`, and keep `overrides` ("losses.atnl.margin=0.9") for later.

    A text may also be the name of a recipe that semreg or a plugin ships. The file may be a copy `of` another one; the
    recipe then has the name of the original, and its references are relative to it. Raises UserError for a missing,
    unreadable or oversized file, an unknown name and one that is also a file's, TOML errors (with the line), and loops
    of `extends`.
    """
    try:
        place = path if isinstance(path, Path) else find_recipe(path)
    except LookupError as error:
        raise UserError("", str(error)) from None
    if of is not None:
        return composed_recipe(of, read_toml(place), overrides)
    return replace(_with(overrides, place, _read_merged(place, (), itertools.count(1))), said=spelled(path))


def composed_recipe(path: Path, table: TomlTable, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe that `load_recipe` would read from a file at `path` with this table; no such file is needed."""
    return _with(overrides, path, _merged(dict(table), path, (), itertools.count(1)))


def _with(overrides: Sequence[str], path: Path, table: TomlTable) -> Recipe:
    return with_overrides(Recipe(path, table), overrides)


def with_overrides(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """Return the recipe with further overrides ("losses.atnl.margin=0.9"), which win over its own. Raises UserError."""
    tables = tuple(_override(text) for text in overrides)
    return replace(recipe, overrides=(*recipe.overrides, *tables), written=(*recipe.written, *overrides))


def _read_merged(path: Path, seen: tuple[Path, ...], count: Iterator[int]) -> TomlTable:
    """Return the table of a recipe and all that it extends, reached through the recipes `seen`; `count`
    counts files."""
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # circular links, or characters that a path can't have
        raise UserError(str(path), f"cannot be read: {error}") from None
    if resolved in seen:
        loop = " -> ".join(p.name for p in (*seen[seen.index(resolved) :], resolved))
        raise UserError(str(seen[0]), f"'extends' goes in a circle: {loop}")
    if len(seen) >= DEEPEST_EXTENDS:
        raise UserError(str(seen[0]), f"'extends' is more than {DEEPEST_EXTENDS} recipes deep")
    if next(count) > MOST_FILES:
        raise UserError(str(seen[0]), f"'extends' reads more than {MOST_FILES} files")
    return _merged(read_toml(path), path, (*seen, resolved), count)


def _merged(table: TomlTable, path: Path, seen: tuple[Path, ...], count: Iterator[int]) -> TomlTable:
    """Return the table merged with all that it extends, for a recipe at `path`."""
    alternative = table.get("fallback")
    if isinstance(alternative, dict) and "extends" in alternative:
        inherited = _parents(alternative.pop("extends"), path, seen, count, "fallback.")
        table["fallback"] = overlay(inherited, alternative)
    return merge(_parents(table.pop("extends", []), path, seen, count, ""), table, str(path), "")


def _parents(named: Any, path: Path, seen: tuple[Path, ...], count: Iterator[int], prefix: str) -> TomlTable:
    """Return the one or several recipes in `extends`, merged in order: later ones win."""
    parents = [named] if isinstance(named, str) else named
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise UserError(
            str(path), [Problem(f"{prefix}extends", f"{named!r} is not the name of a recipe, or a list of names")]
        )
    merged: TomlTable = {}
    for parent in parents:
        try:
            place = find_recipe(parent, path.parent)
        except LookupError as error:
            raise UserError(str(path), [Problem(f"{prefix}extends", str(error))]) from None
        merged = overlay(merged, _relocated(_read_merged(place, seen, count), place, path.parent))
    return merged


def _relocated(table: TomlTable, source: Path, read_in: Path) -> TomlTable:
    """Return the table of the recipe `source` in a form for another folder: references to recipes are paths or names.
    Raises UserError for a name that is also a file's there."""
    if source.parent.resolve() == read_in.resolve():
        return table
    for kind, key in (("evaluate", "judge"), ("modules", "weights")):
        parts = table.get(kind)
        for name, part in parts.items() if isinstance(parts, dict) else ():
            if isinstance(part, dict) and isinstance(part.get(key), str):
                try:
                    part[key] = said_from(part[key], key, source.parent, read_in)
                except AmbiguousNameError as error:
                    raise UserError(str(source), [Problem(f"{kind}.{name}.{key}", str(error))]) from None
    return table


def _override(text: str) -> TomlTable:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {text}", "write KEY=VALUE, for example --set losses.atnl.margin=0.9")
    quoted = value.strip().replace("\\", "\\\\").replace('"', '\\"')
    try:
        table = parse_toml(f"{key} = {value}")
    except tomllib.TOMLDecodeError:
        try:  # a text doesn't need quotes
            table = parse_toml(f'{key} = "{quoted}"')
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"--set {text[:80]}", f"not KEY=VALUE in TOML's notation: {error}") from None
    require_bounds(table, f"--set {text[:80]}")
    return table
