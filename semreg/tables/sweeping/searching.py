"""A sweep whose rows a search chooses by the figures of earlier rows: a table that grows on request."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from filelock import Timeout

from semreg.core import DataMissing, Search, Suggestion, UserError
from semreg.core.errors import cause_of
from semreg.core.registry import load
from semreg.recipe.load import Recipe
from semreg.recipe.plan import Plan
from semreg.running.arithmetic import arithmetic
from semreg.running.choices import Choices
from semreg.running.offered import component_named, made_for
from semreg.store.disk import writing
from semreg.store.folder import SECONDS_OF_A_LOOK
from semreg.store.layout import METRICS
from semreg.store.leases import LeasedLock, who_has
from semreg.store.messages import say
from semreg.store.record import by_hash, known_runs, read_lines
from semreg.tables.executors.choosing import HERE, executor_of
from semreg.tables.grid import Cell, Row
from semreg.tables.growing import GridRun, Growing, Wanted
from semreg.tables.making import MadeTable, make_runs, planned_runs, require_makeable
from semreg.tables.pages import GO_ON
from semreg.tables.plots import over_seeds
from semreg.tables.sweeping.axes import Axis, rounded
from semreg.tables.sweeping.rows import swept_rows
from semreg.training.processes import started_by_torchrun

FOLDER, LOCK = "search", "search.lock"
"""The search's folder, and its command's lock, in the folder of the table."""
T = TypeVar("T")


@dataclass(frozen=True)
class Sought:
    """A search as `--search NAME:WORDS` gives it, with its number of trials."""

    said: str
    made: type[Search]
    trials: int

    @property
    def words(self) -> str:
        """The text after its name."""
        return self.said.partition(":")[2]


def sought_by(said: str | None, trials: int | None) -> Sought | None:
    """Return the search that `--search` and `--trials` mean; None without both. Raises UserError."""
    if said is None and trials is None:
        return None
    if said is None:
        raise UserError("--trials", "it is the number of trials of a search; add --search")
    if trials is None:
        raise UserError("--search", f"{said!r} needs a number of trials; add --trials 40")
    if isinstance(trials, bool) or trials < 1:
        raise UserError("--trials", f"{trials!r} is not a number of trials; expected at least 1")
    if started_by_torchrun():
        raise UserError("--search", "torchrun trains one run after another; leave out torchrun or this option")
    return Sought(said, load(component_named(said.partition(":")[0], "search", "--search")), trials)


def beside_the_first(axes: Sequence[Axis]) -> list[tuple[Any, ...]]:
    """Return the first values of all keys, and each other value of a key with the first of the others."""
    first = tuple(axis.values[0] for axis in axes)
    others = [
        (*first[:place], value, *first[place + 1 :]) for place, axis in enumerate(axes) for value in axis.values[1:]
    ]
    return [first, *others]


def make_search(
    sought: Sought,
    recipe: Recipe,
    axes: Sequence[Axis],
    recipes: Sequence[Recipe],
    seeds: list[int] | None,
    wanted: Wanted,
    choices: Choices,
) -> MadeTable:
    """Make the trials of a search, and rank them; `recipes`, of single values, are tried first, but not trained.

    It resumes where another call stopped: suggestions stay, unfinished trials are made, and pruned ones are left.
    Raises UserError for errors before anything is trained.
    """
    with arithmetic(choices):
        executor = executor_of(wanted.on, wanted.gpus, choices)
    tried = planned_runs(recipes, (), seeds, wanted, choices)
    told = Growing(tried, wanted, choices).folder.name
    digest = hashlib.sha256(repr((told, sought.said, [axis.range for axis in axes])).encode()).hexdigest()
    growing = Searching(sought, recipe, axes, seeds, wanted, choices, digest)
    if growing.search.prunes:
        _require_prunable(tried[0].plan, wanted)
    if wanted.only_finished:
        if not (growing.folder / FOLDER).is_dir():
            raise UserError(str(growing.folder), "this search has not started; leave out --only-finished")
        growing.begin()
        return make_runs(growing, [], executor)
    require_makeable(tried, executor, wanted, choices)
    with _alone(growing.folder):
        return make_runs(growing, growing.begin(), executor)


def _require_prunable(plan: Plan, wanted: Wanted) -> None:
    """Raise UserError if there are no losses to prune by, or no search that prunes."""
    if not any(phase.validate for phase in plan.phases):
        phase = plan.phases[-1]
        loss = next((loss for step in phase.steps for loss in step.losses), "LOSS")
        fits = f"add --set 'phases.{phase.name}.validate.loss=\"{loss}\"', or another loss of the recipe"
        raise UserError("--search", f"it prunes by validation losses, and no phase validates; {fits}")
    if wanted.on == HERE:
        raise UserError("--search", "it prunes runs that have processes of their own; add --on local:1")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Reserve the search in a folder for this process: its next suggestion depends on the earlier ones."""
    with writing(folder, GO_ON):
        folder.mkdir(parents=True, exist_ok=True)
        lock = LeasedLock(folder / LOCK)
        try:
            lock.acquire(timeout=SECONDS_OF_A_LOOK)
        except Timeout:
            say(f"{folder.name}: {who_has(folder / LOCK)} works on this search; waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@dataclass
class _SearchedRow:
    """The outcome of suggestions that train the same."""

    places: range
    """The places of its runs, one for each seed."""
    numbers: list[int]
    untold: list[int]
    pruned: str = ""
    """Why it was pruned, if so."""
    epoch: int = 0
    """The last epoch whose validation loss the search knows."""
    length: int = 0
    """The length of the log when it was read for this."""


class Searching(Growing):
    """The table of a search: it adds rows as they are suggested, and reports figures to the search when runs have
    ended.
    """

    def __init__(
        self,
        sought: Sought,
        recipe: Recipe,
        axes: Sequence[Axis],
        seeds: list[int] | None,
        wanted: Wanted,
        choices: Choices,
        digest: str,
    ) -> None:
        super().__init__([], wanted, choices, digest)
        self.sought, self.recipe, self.axes, self.seeds = sought, recipe, axes, seeds
        self.known = by_hash(known_runs(choices.out))
        self.each = len(seeds) if seeds else 1
        """How many runs a row has."""
        self.asked, self.titles = 0, list[str]()
        self.rows: dict[str, _SearchedRow] = {}
        """Rows by the hash of their first run."""
        space = {axis.dotted: axis.range or axis.values for axis in axes}
        higher = wanted.ranking is None or wanted.ranking.figures[0].higher_is_better
        folder = self.folder / FOLDER
        self.search: Search = made_for(
            "--search", sought.said, lambda: sought.made(sought.words, space=space, higher=higher, folder=folder)
        )

    @property
    def total(self) -> int:
        return max(self.sought.trials, self.asked) * self.each

    def left(self, to_do: Sequence[int]) -> int:
        return self.total - self.asked * self.each + len(to_do)

    def begin(self) -> list[int]:
        """Read the earlier suggestions, and return the places of unfinished runs."""
        for suggestion in self._ask("say what it suggested", self.search.suggestions):
            self.add(suggestion)
        if self.wanted.only_finished:
            return []
        to_do = [k for k, run in enumerate(self.runs) if run.to_do and not self.cells[k].pruned]
        to_do = to_do or list(self.more(1))
        if not self.runs:
            raise UserError("--search", f"none of its {self.asked} suggestions is a valid run; see its messages above")
        return to_do

    def more(self, free: int) -> Sequence[int]:
        found: list[int] = []
        while len(found) < free and self.asked < self.sought.trials:
            found += self.add(self._ask("suggest values", self.search.ask))
        return found

    def add(self, suggestion: Suggestion) -> list[int]:
        """Add a row for a suggestion, unless one trains the same, and return the places of its unfinished runs."""
        self.asked += 1
        values = [
            rounded(suggestion.values[axis.dotted], axis.range) if axis.range else suggestion.values[axis.dotted]
            for axis in self.axes
        ]
        [row] = swept_rows(self.recipe, self.axes, [values], self.titles)
        wanted = replace(self.wanted, varied=[row.varied])
        try:
            runs = planned_runs(
                [row.recipe], (), self.seeds, wanted, self.choices, known=self.known, rows=len(self.titles)
            )
        except DataMissing:
            raise
        except UserError as error:
            say(f"{row.title}: {error.text()}; the search continues")
            return []
        digest, begin = runs[0].place.identity.digest, len(self.runs)
        found = self.rows.get(digest)
        if found is None:
            self.titles.append(row.title)
            self.runs += runs
            self.cells += [run.read() for run in runs]
            found = self.rows[digest] = _SearchedRow(range(begin, len(self.runs)), [], [])
        found.numbers.append(suggestion.number)
        if suggestion.state == "asked":
            found.untold.append(suggestion.number)
        elif suggestion.state == "pruned":
            losses = _losses(self.runs[found.places[0]])
            found.pruned = _pruned_by(*losses[-1]) if losses else "in an earlier command"
            for k in found.places:
                if not self.cells[k].finished:
                    self.cells[k] = Cell(self.runs[k].seed, self.runs[k].folder, "pruned", found.pruned)
        self.settle(found)
        return [k for k in range(begin, len(self.runs)) if self.runs[k].to_do and not self.cells[k].pruned]

    def put(self, k: int, cell: Cell) -> None:
        super().put(k, cell)
        self.settle(self._row_of(k))

    def settle(self, row: _SearchedRow) -> None:
        """Report a row's figure to the search, once all of its runs have ended; a failed row may be made again."""
        if self.wanted.only_finished:  # another command may be at this search, and tells it
            return
        cells = [self.cells[k] for k in row.places]
        if not row.untold or not all(cell.finished or cell.pruned for cell in cells):
            return
        figure = None
        if not any(cell.pruned for cell in cells):
            value = over_seeds(Row("", "", tuple(cells)), str(self.wanted.metric))
            if value is None or value.runs < len(cells):
                return
            figure = value.mean
        while row.untold:
            self._ask("receive a figure", self.search.tell, row.untold[0], figure)
            row.untold.pop(0)

    def given_up(self, k: int) -> str:
        row = self._row_of(k)
        if self.search.prunes and not row.pruned and k == row.places[0]:  # of several seeds the first is looked at
            for epoch, loss in self._new_losses(row):
                if self._ask("look at a loss", self.search.gives_up, row.numbers[0], epoch, loss):
                    row.pruned = _pruned_by(epoch, loss)
                    break
                row.epoch = epoch
        return row.pruned

    def _new_losses(self, row: _SearchedRow) -> list[tuple[int, float]]:
        """Return the validation losses, by epochs, that the search doesn't know."""
        run = self.runs[row.places[0]]
        try:
            length = os.stat(run.folder / METRICS).st_size
        except OSError:
            return []
        if length == row.length:
            return []
        row.length = length
        return [(epoch, loss) for epoch, loss in _losses(run) if epoch > row.epoch]

    def _row_of(self, k: int) -> _SearchedRow:
        return next(row for row in self.rows.values() if k in row.places)

    def _ask(self, what: str, call: Callable[..., T], *arguments: Any) -> T:
        """Return the search's answer. Raises UserError if it fails."""
        try:
            return call(*arguments)
        except UserError:
            raise
        except Exception as error:
            raise UserError("--search", f"{self.sought.said!r} can't {what}: {cause_of(error)}") from error


def _losses(run: GridRun) -> list[tuple[int, float]]:
    """Return the summed validation losses of the last phase that validates, by its epochs, as far as they are known."""
    phase = [phase.name for phase in run.plan.phases if phase.validate][-1:]
    found = []
    for line in read_lines(run.folder / METRICS):
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            if [line["phase"]] == phase and "validation" in line:
                found.append((int(line["epoch"]), math.fsum(map(float, line["validation"].values()))))
    return found


def _pruned_by(epoch: int, loss: float) -> str:
    return f"its validation loss was {loss:.4g} after epoch {epoch}"
