"""What does a run again: a command for a shell, or a call in Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from semreg.recipe.names import spelled
from semreg.running.choices import Choices


def command_of(recipe: str | Path, overrides: Sequence[str], choices: Choices) -> str:
    """The command that runs a recipe with these choices, quoted for a shell."""
    words = ["semreg", "run", spelled(recipe), *(word for text in overrides for word in ("--set", text))]
    defaults = Choices()
    for field in fields(Choices):
        value, told = getattr(choices, field.name), field.metadata
        if value == getattr(defaults, field.name):
            continue
        option = told.get("flag") or told.get("option") or f"--{field.name.replace('_', '-')}"
        words += [option] if isinstance(value, bool) else [option, str(value)]
    return shlex.join(words)


def call_of(recipe: str, overrides: Sequence[str], choices: Mapping[str, Any]) -> str:
    """The call in Python that runs a recipe with these choices."""
    given = {**({"overrides": list(overrides)} if overrides else {}), **choices}
    told = [f"{name}={_literal(value)}" for name, value in given.items()]
    return f"semreg.run({', '.join([_literal(recipe), *told])})"


def _literal(value: Any) -> str:
    return repr(str(value)) if isinstance(value, Path) else repr(value)
