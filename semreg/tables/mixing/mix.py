"""A recipe with additions, singly and in pairs, each at the same short budget: a ranked grid of runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semreg.core import UserError
from semreg.recipe.bounds import TomlTable
from semreg.recipe.load import Recipe, load_recipe
from semreg.running.choices import Choices
from semreg.store.disk import write_whole, writing
from semreg.store.messages import in_first_process, say
from semreg.tables.grid import Ranking
from semreg.tables.growing import Wanted
from semreg.tables.making import MadeTable, make_table, plan_of_row
from semreg.tables.mixing.additions import additions_of
from semreg.tables.mixing.carrier import class_carrier
from semreg.tables.mixing.composing import Mix
from semreg.tables.mixing.figures import Figures, figures_of
from semreg.tables.pages import GO_ON

_OF_A_LOSS = re.compile(r"\s*losses\.(\w+)\.")


@dataclass(frozen=True)
class Budget:
    """The budget of each mix: epochs of every phase, and a share of the training images. Raises UserError."""

    epochs: int = 1
    share: float = 0.1

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UserError("--epochs", f"{self.epochs} is not a number of epochs; expected at least 1")
        if not 0 < self.share <= 1:
            raise UserError("--share", f"{self.share!r} is not a share; expected a number above 0 and at most 1")

    def __str__(self) -> str:
        return f"{self.epochs} epoch{'s'[: self.epochs > 1]} on {self.share:.3g} of the training images"


def make_mix(
    said: str | Path,
    wishes: Sequence[str],
    overrides: Sequence[str],
    seeds: int | str | Sequence[int] | None,
    budget: Budget,
    label: str | None,
    wanted: Wanted,
    choices: Choices,
) -> MadeTable:
    """Make all unfinished runs of a mix, and rank them beside the recipe itself.

    If `wanted` asks for a written table, a recipe for each mix is written beside it, to train in full. Overrides of an
    addition's loss apply to that addition. `label` chooses among several attributes.

    Raises UserError for errors in the recipe, the additions and the choices, before anything is trained.
    """
    if wanted.plots and not wanted.written:
        raise UserError("--plot", "plots are part of the table's page; add --table")
    if wanted.figures_of and not wanted.written:
        raise UserError("--figures-of", "figures are written into the table's folder; add --table")
    known = load_recipe(said).table.get("losses")
    known = known if isinstance(known, dict) else {}
    base = load_recipe(said, [text for text in overrides if _loss_of(text) in {None, *known}])
    plan = plan_of_row(base, wanted, choices)
    carrier = class_carrier(plan, label)
    additions = additions_of(wishes, plan, carrier, overrides)
    figures = figures_of(plan, carrier)
    mixes = [Mix(base.path, chosen) for count in range(3) for chosen in itertools.combinations(additions, count)]
    brought = {loss for addition in additions for loss in addition.losses}
    own = [[text for text in overrides if _loss_of(text) not in brought - mix.losses] for mix in mixes]
    recipes = [_shortened(mix.recipe(texts), mix.title, budget, figures) for mix, texts in zip(mixes, own, strict=True)]
    remarks = [f"{addition.title}: {addition.summary}." for addition in additions]
    remarks += [text for mix in mixes for text in mix.conflicts()]
    remarks += [*figures.left_out, f"Each run has {budget}; longer training may rank the rows differently."]
    if in_first_process():
        say("\n".join(remarks))
    ranking = Ranking(figures.ranked, tuple(remarks))
    name = wanted.name or f"{plan.name}-mix"
    made = make_table(recipes, (), seeds, replace(wanted, against=plan.name, name=name, ranking=ranking), choices)
    if wanted.written and in_first_process():
        with writing(made.folder, GO_ON):
            for mix, texts in zip(mixes[1:], own[1:], strict=True):
                write_whole(made.folder / mix.file.name, mix.text(made.folder, texts).encode())
    return made


def _loss_of(override: str) -> str | None:
    """Return the loss whose option an override changes."""
    found = _OF_A_LOSS.match(override)
    return found[1] if found else None


def _shortened(recipe: Recipe, title: str, budget: Budget, figures: Figures) -> Recipe:
    """Return the recipe at a budget, with only the evaluations that rank mixes."""
    change: TomlTable = {
        "description": title,
        "data": {"split": {"share": budget.share}},
        "phases": _epochs(recipe.table, budget),
        "tensors": figures.tensors,
        "without": ["evaluate"],
        "evaluate": figures.evaluations,
        "fallback": {"phases": _epochs(recipe.table.get("fallback"), budget)},
    }
    table = {"evaluate": {}, **recipe.table}  # so that there is something to do without
    return replace(recipe, table=table, overrides=(*recipe.overrides, change))


def _epochs(table: Any, budget: Budget) -> TomlTable:
    """Return the epochs of each phase of a table."""
    phases = table.get("phases") if isinstance(table, dict) else None
    return {name: {"epochs": budget.epochs} for name in phases} if isinstance(phases, dict) else {}
