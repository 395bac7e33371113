"""The runs of a folder as a collection: selected, sorted, with figures, and apart from runs that judge others."""

from __future__ import annotations

import contextlib
import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from semreg.core import UserError, closest
from semreg.store.disk import read_object
from semreg.store.layout import RECIPE
from semreg.store.recipes import evaluations_of, judged_on, recipes_of
from semreg.store.record import RunRecord, runs_in
from semreg.store.status import RunStatus, run_status
from semreg.store.uses import JUDGE, hash_of, users_of_runs

STATES = ("running", "finished", "stopped", "failed", "damaged")
AGE, NAME = "age", "name"


@dataclass(frozen=True)
class Selection:
    """The choice of listed runs, their order and their figures.

    `figures` are globs of EVALUATION.FIGURE, `recipes` and `data` of names, `where` are KEY=VALUE of recipes; `sort` is
    `age`, `name` or a figure. Raises UserError for an unknown state, and for text that isn't KEY=VALUE.
    """

    figures: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    sort: str = AGE
    reverse: bool = False

    def __post_init__(self) -> None:
        for state in self.states:
            if state not in STATES:
                raise UserError("--state", f"no run is ever {state!r}{closest(state, STATES)}")
        for text in self.where:
            if not text.partition("=")[0].strip() or "=" not in text:
                raise UserError(f"--where {text}", "write KEY=VALUE, for example --where phases.main.epochs=20")

    @property
    def filters(self) -> bool:
        """Whether it may leave out runs."""
        return bool(self.recipes or self.states or self.data or self.where)


@dataclass(frozen=True)
class ListedRun:
    """A run of the collection; `figures` are the selected ones that it has."""

    status: RunStatus
    figures: dict[str, float] = field(default_factory=dict)
    judges: tuple[str, ...] = ()
    """The runs that it judges in evaluations."""

    def as_dictionary(self) -> dict[str, Any]:
        """Return it for JSON: figures that are not finite are null."""
        finite = {name: value if math.isfinite(value) else None for name, value in self.figures.items()}
        return self.status.as_dictionary() | {"figures": finite, "judges": list(self.judges)}


@dataclass(frozen=True)
class Collection:
    """The selected runs out of `count`, and the selected figures that any of them has."""

    runs: list[ListedRun]
    figures: list[str]
    count: int

    @property
    def running(self) -> bool:
        """Whether a process trains or evaluates any."""
        return any(run.status.running for run in self.runs)


def collection(folder: Path, wanted: Selection | None = None) -> Collection:
    """Return the selected runs in a folder of runs, by default all, the oldest first, damaged ones last.

    Raises UserError for a figure, or a key of a recipe, that no run has.
    """
    wanted = wanted or Selection()
    now = datetime.now(UTC)
    everything = runs_in(folder)
    users = users_of_runs(everything)
    chosen = _where(_named(everything, wanted), wanted.where)
    statuses = [(run, run_status(run, now)) for run in chosen]
    statuses = [(run, status) for run, status in statuses if not wanted.states or status.state in wanted.states]
    by_figure = wanted.sort not in (AGE, NAME)
    asked = (*wanted.figures, *([wanted.sort] if by_figure else []))
    figures = {run.folder: stored_figures(run.folder) if asked else {} for run, _ in statuses}
    known = list(dict.fromkeys(name for found in figures.values() for name in found))
    _require_known(wanted, known, sort_too=by_figure and bool(statuses))
    shown = [name for name in known if any(_fits(name, glob) for glob in asked)]
    listed = [
        ListedRun(
            status,
            {name: figures[run.folder][name] for name in shown if name in figures[run.folder]},
            tuple(dict.fromkeys(use.user for use in users.get(hash_of(run), ()) if use.what == JUDGE)),
        )
        for run, status in statuses
    ]
    return Collection(_sorted(listed, wanted), shown, len(everything))


def stored_figures(folder: Path) -> dict[str, float]:
    """Return all figures of a run, by EVALUATION.FIGURE, those of its own recipe first; unreadable ones are skipped.

    Those of the validation images are EVALUATION.FIGURE@validation.
    """
    found: dict[str, float] = {}
    with contextlib.suppress(UserError):
        for recipe in recipes_of(folder):
            on = "" if judged_on(recipe)[1] == "test" else f"@{judged_on(recipe)[1]}"
            for evaluation, place in evaluations_of(folder, recipe).items():
                for name, value in figures_in(place):
                    found.setdefault(f"{evaluation}.{name}{on}", value)
    return found


def figures_in(place: Path) -> Iterator[tuple[str, float]]:
    """Yield the figures of a stored result; none of an unreadable one."""
    with contextlib.suppress(UserError):
        figures = (read_object(place / "result.json") or {}).get("figures")
        for name, value in figures.items() if isinstance(figures, dict) else ():
            if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                yield name, math.nan if value is None else float(value)


def _named(runs: Iterable[RunRecord], wanted: Selection) -> Iterator[RunRecord]:
    for run in runs:
        data = run.record.get("data")
        name = data.get("name") if isinstance(data, dict) else None
        if _any_fits(run.name, wanted.recipes) and _any_fits(str(name or ""), wanted.data):
            yield run


def _any_fits(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


def _fits(figure: str, glob: str) -> bool:
    return figure == glob or fnmatchcase(figure, glob)


def _where(runs: Iterable[RunRecord], where: Sequence[str]) -> list[RunRecord]:
    """Return the runs whose recipe has these values. Raises UserError for a key that no run has."""
    runs = list(runs)
    if not where:
        return runs
    tables = {run.folder: recipe_values(run) for run in runs}
    for text in where:
        key, _, value = text.partition("=")
        key, wanted = key.strip(), _value(value.strip())
        known = {name for table in tables.values() for name in table}
        if tables and key not in known:
            raise UserError(f"--where {text}", f"no run's recipe says {key!r}{closest(key, known)}")
        tables = {run: table for run, table in tables.items() if key in table and table[key] == wanted}
    return [run for run in runs if run.folder in tables]


def recipe_values(run: RunRecord) -> dict[str, Any]:
    """Return the values of a run's recipe by their dotted keys, with the chosen seed and precision."""
    table: dict[str, Any] = {}
    with contextlib.suppress(UserError):
        table = read_object(run.folder / RECIPE) or {}
    told = {key: run.record[key] for key in ("seed", "precision") if key in run.record}  # which a command may choose
    return _flat(table | told)


def _flat(table: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of a table by their dotted keys."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


def _value(text: str) -> Any:
    """Parse a value in TOML's notation; a text needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text


def _require_known(wanted: Selection, known: Sequence[str], *, sort_too: bool) -> None:
    for glob in wanted.figures if known else ():
        if not any(_fits(name, glob) for name in known):
            raise UserError("--figures", f"{glob!r} matches no figure of these runs{closest(glob, known)}")
    if sort_too and wanted.sort not in known:
        raise UserError("--sort", f"no run has the figure {wanted.sort!r}{closest(wanted.sort, [AGE, NAME, *known])}")


def _sorted(runs: list[ListedRun], wanted: Selection) -> list[ListedRun]:
    """Sort the runs; those that lack the sorted value come last in both orders."""
    keys: dict[str, Callable[[ListedRun], Any]] = {
        AGE: lambda run: None if run.status.state == "damaged" else run.status.started or "",
        NAME: lambda run: run.status.folder.name,
    }

    def figure(run: ListedRun) -> float | None:
        value = run.figures.get(wanted.sort, math.nan)
        return value if math.isfinite(value) else None

    key = keys.get(wanted.sort, figure)
    having = sorted((run for run in runs if key(run) is not None), key=key, reverse=wanted.reverse)
    return having + [run for run in runs if key(run) is None]
