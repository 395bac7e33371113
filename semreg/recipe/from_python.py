"""Recipes from Python: a path, a text of TOML, or a dict."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeGuard

from semreg.core import Problem, UserError
from semreg.core.registry import with_article
from semreg.recipe.bounds import DEEPEST_TABLE, TomlTable, parse_toml, require_bounds, require_short
from semreg.recipe.load import Recipe, composed_recipe, load_recipe

Given = str | Path | Mapping[str, Any] | Recipe
NAMELESS = "recipe"
"""The default name of a recipe without a file, and so of its run's folder."""


def is_file(given: Given) -> TypeGuard[str | Path]:
    """Return whether `given` names a recipe rather than being one: a text is TOML if it has a line break."""
    return isinstance(given, Path) or (isinstance(given, str) and "\n" not in given)


def recipe_of(given: Given, overrides: Sequence[str] = (), *, name: str | None = None) -> Recipe:
    """Return the recipe, with `overrides` ("losses.atnl.margin=0.9") stored for later.

    Args:
        given: a path; a text, which is TOML if it has a line break and else a name or a path; a table as a dict; or a
            loaded recipe.
        name: of a recipe without a file.

    Paths in a recipe without a file are relative to the working folder. Raises UserError for all else.
    """
    if isinstance(given, Recipe):
        if overrides:
            raise UserError("overrides", "this recipe is loaded already; give them to load_recipe")
        return given
    if is_file(given):
        if name is not None:
            raise UserError("name", f"{name!r}: a recipe of a file is called as its file")
        return load_recipe(given, overrides)
    name = NAMELESS if name is None else name
    if not re.fullmatch(r"[\w-]+", name):
        raise UserError("name", f"{name!r} names the folder of a run; use letters, digits, '_' and '-'")
    if isinstance(given, str):
        table = _parsed(given, name)
    elif isinstance(given, Mapping):
        table = plain(given, name, "")
    else:
        raise UserError("", f"a recipe is a path, a name, TOML or a dict; found {with_article(type(given).__name__)}")
    require_bounds(table, name)
    kept = given if isinstance(given, str) else deepcopy(table)
    return replace(composed_recipe(Path(name), table, overrides), given=kept)


def _parsed(text: str, name: str) -> TomlTable:
    require_short(text.encode("utf-8", "replace"), name)
    try:
        return parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(name, f"not valid TOML: {error}") from None


def plain(value: Any, name: str, where: str = "", depth: int = 0) -> Any:
    """Return a value in TOML's types, for the key `where` of the recipe `name`.

    Raises UserError for types that TOML doesn't have.
    """
    if depth > DEEPEST_TABLE:  # a list may hold itself
        raise UserError(name, [Problem(where, f"more than {DEEPEST_TABLE} tables and lists inside each other")])
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise UserError(name, [Problem(where, f"{key!r:.60} is not a key: keys are texts")])
        return {key: plain(inner, name, f"{where}.{key}".lstrip("."), depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, name, where, depth + 1) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if getattr(value, "shape", None) == ():  # a number from NumPy or PyTorch
        return value.item()
    if isinstance(value, (str, bool, int, float, date, datetime, time)):
        return value
    fits = "texts, numbers, true or false, lists and dicts are; what has no value is left out"
    raise UserError(name, [Problem(where, f"{value!r:.60} can't be a value of a recipe: {fits}")])
