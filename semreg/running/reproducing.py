"""The command for a shell, or the call in Python, that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from semreg.recipe.from_python import NAMELESS, is_file
from semreg.recipe.load import Recipe
from semreg.recipe.names import spelled
from semreg.running.choices import Choices


def command_of(recipe: str | Path, overrides: Sequence[str], choices: Choices, *, command: str = "run") -> str:
    """Return the command that runs a recipe with these choices, or makes a `table` of it, quoted for a shell."""
    return shlex.join(["semreg", command, spelled(recipe), *options_of(overrides, choices)])


def options_of(overrides: Sequence[str], choices: Choices) -> list[str]:
    """Return the options of `semreg run` for overrides and for choices that differ from the defaults."""
    words = [word for text in overrides for word in ("--set", text)]
    for field, value in _chosen(choices):
        told = field.metadata
        option = told.get("flag") or told.get("option") or f"--{field.name.replace('_', '-')}"
        words += [option] if isinstance(value, bool) else [option, str(value)]
    return words


def call_of(recipe: Recipe, choices: Choices) -> str:
    """Return the call in Python that runs a recipe with these choices; it contains a whole recipe that has no file."""
    told = [f"{name}={_literal(value)}" for name, value in [("overrides", list(recipe.written))] if value]
    if recipe.given is None:
        first = recipe.said or str(recipe.path)
        first = _literal(first) if is_file(first) else f"Path({_literal(first)})"
    else:
        first = _literal(recipe.given)
        if recipe.path.name != NAMELESS:
            first = f"semreg.load_recipe({', '.join([first, *told, f'name={_literal(recipe.path.name)}'])})"
            told = []
    told += [f"{field.name}={_literal(value)}" for field, value in _chosen(choices)]
    return f"semreg.run({', '.join([first, *told])})"


def _chosen(choices: Choices) -> Iterator[tuple[Field[Any], Any]]:
    """Yield the choices that differ from the defaults."""
    defaults = Choices()
    for field in fields(Choices):
        value = getattr(choices, field.name)
        if value != getattr(defaults, field.name):
            yield field, value


def _literal(value: Any) -> str:
    return repr(str(value)) if isinstance(value, Path) else repr(value)
