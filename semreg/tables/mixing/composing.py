"""A recipe with additions as a new recipe: composed for a run, and written as a file to continue with."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg.recipe.bounds import TomlTable
from semreg.recipe.load import Recipe, composed_recipe
from semreg.recipe.merging import overlay
from semreg.recipe.names import from_folder
from semreg.recipe.toml_text import toml_text
from semreg.tables.mixing.additions import Addition

_OF_ONE_RECIPE = ("extends", "requires", "description", "paper")


@dataclass(frozen=True)
class Mix:
    """The recipe at `path` with some additions, or none."""

    path: Path
    additions: tuple[Addition, ...]

    @property
    def file(self) -> Path:
        """The path that its recipe would have: beside the recipe that it adds to. No such file is written."""
        return self.path.with_name(f"{'+'.join([self.path.stem, *(one.name for one in self.additions)])}.toml")

    @property
    def title(self) -> str:
        """The additions as a table's row names them; empty for the recipe itself."""
        return "".join(f" + {one.title}" for one in self.additions).lstrip()

    @property
    def losses(self) -> frozenset[str]:
        """The losses of the additions."""
        return frozenset(loss for one in self.additions for loss in one.losses)

    def recipe(self, overrides: Sequence[str]) -> Recipe:
        """Return the recipe to run, with overrides as `--set` takes them."""
        return composed_recipe(self.file, self._table(self.path.parent), overrides)

    def text(self, folder: Path, overrides: Sequence[str] = ()) -> str:
        """Return the recipe as a file for a folder, which extends its parts; the command in its head has overrides."""
        command = shlex.join(
            ["semreg", "run", self.file.name, *(part for text in overrides for part in ("--set", text))]
        )
        head = f"# {self.path.name} {self.title}, as semreg mix composed it; trained in full by\n#   {command}\n"
        return f"{head}\n{toml_text(self._table(folder))}"

    def conflicts(self) -> Iterator[str]:
        """Yield a sentence for each key of two additions that the later of them decides."""
        decided: dict[tuple[str, ...], Any] = {}
        for addition in self.additions:
            for keys, value in _leaves(addition.table):
                if decided.setdefault(keys, value) != value and keys[0] not in _OF_ONE_RECIPE:
                    yield f"{self.title}: both say {'.'.join(keys)}, and {addition.title} decides."
                decided[keys] = value

    def _table(self, folder: Path) -> TomlTable:
        files = [self.path, *(one.path for one in self.additions if one.path)]
        table: TomlTable = {"extends": [from_folder(file, folder) for file in files]}
        for addition in self.additions:
            if not addition.path:
                table = overlay(table, addition.table)
        return table


def _leaves(table: TomlTable, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*keys, key))
        else:
            yield (*keys, key), value
