"""A planned run of a grid, or of one of its judges; its folder holds its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semreg.core import UserError
from semreg.recipe.load import Recipe
from semreg.recipe.plan import Plan
from semreg.running.choices import Choices
from semreg.running.finishing import is_done
from semreg.running.start import Place
from semreg.store.recipes import kept_as
from semreg.store.record import read_record
from semreg.tables.cells import read_cell
from semreg.tables.grid import Cell


@dataclass(frozen=True)
class PlannedRun:
    """A run that may be unfinished."""

    recipe: Recipe
    plan: Plan
    choices: Choices
    place: Place
    folders: Mapping[str, str]
    """The folders of its evaluations, by their names."""
    command: str

    @property
    def seed(self) -> int:
        return self.place.identity.seed

    @property
    def folder(self) -> Path:
        return self.place.folder

    def read(self) -> Cell:
        """Read its state."""
        return read_cell(self.folder, kept_as(self.plan.name, self.choices.judge_on), self.seed, self.folders)

    @property
    def to_do(self) -> bool:
        """Whether it is unfinished, reports included."""
        try:
            return not (
                read_record(self.folder).record.get("trained")
                and is_done(self.folder, self.plan, self.folders, self.choices.judge_on)
            )
        except UserError:  # there is none, or a damaged one, which the run itself then says
            return True
