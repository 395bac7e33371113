"""A run of a grid in another process: the arguments of `semreg run`, and its recipe in the folder of the run.

Only that folder holds the run's state.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from semreg.core import Needs, UserError
from semreg.core.errors import cause_of
from semreg.recipe.load import Recipe
from semreg.recipe.plan import Plan
from semreg.recipe.toml_text import toml_text
from semreg.running.choices import Choices
from semreg.running.reproducing import options_of
from semreg.store.disk import read_file, write_whole, writing
from semreg.store.folder import RunIsBusy
from semreg.store.layout import CHECKPOINTS, EVALUATIONS, STATUS, TRIALS
from semreg.store.record import read_record
from semreg.tables.grid import Cell

LAST_WORDS = 2**13
"""Bytes read at the end of a log for its last line."""
MOST_SAID = 500
REFUSED = ".refused"
"""The suffix of the file that states why a trial failed."""


class Trial(Protocol):
    """A planned run of a grid."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def choices(self) -> Choices: ...
    @property
    def command(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def folder(self) -> Path: ...
    @property
    def to_do(self) -> bool: ...
    def read(self) -> Cell: ...


class More(Protocol):
    """Facts about the trials of a grid that are known only while they are made."""

    @property
    def total(self) -> int:
        """The final number of trials."""

    def left(self, to_do: Sequence[int]) -> int:
        """Return how many trials are unfinished; `to_do` has the places of the known ones."""

    def more(self, free: int) -> Sequence[int]:
        """Return the places of further trials, about as many as are free."""

    def given_up(self, k: int) -> str:
        """Return why a running or waiting trial should be given up; empty if it should not."""


def name_of(trial: Trial) -> str:
    """Return the trial's name in messages."""
    return f"{trial.plan.name} · seed {trial.seed}"


def lock_of(trial: Trial) -> Path:
    """Return the lock that a coordinator holds from before the trial's submission to its end."""
    return _beside(trial, ".lock")


def log_of(trial: Trial) -> Path:
    """Return the file with its output."""
    return _beside(trial, ".log")


def _beside(trial: Trial, suffix: str) -> Path:
    return trial.folder / TRIALS / f"{trial.plan.name}{suffix}"


def folder_of(file: Path) -> Path:
    """Return the folder of the run that a trial makes, by its recipe's file."""
    return file.parents[1]


def refusal_of(trial: Trial) -> str:
    """Return why the trial ended before it was a run, as its process has recorded it; empty if it hasn't recorded
    anything.
    """
    try:
        return read_file(_beside(trial, REFUSED)).decode("utf-8", "replace")
    except OSError:
        return ""


@contextlib.contextmanager
def refusal_kept(file: Path) -> Iterator[None]:
    """Record, in a trial's process, why it fails, beside its recipe's file, for the process that submitted it."""
    try:
        yield
    except RunIsBusy:
        raise
    except Exception as error:
        said = error.text() if isinstance(error, UserError) else cause_of(error)
        with contextlib.suppress(OSError):
            write_whole(file.with_suffix(REFUSED), said.encode("utf-8", "replace"))
        raise


def write_trial(trial: Trial, needs: Needs) -> tuple[list[str], Needs]:
    """Write the recipe of a trial, with everything it extends, into its folder; return the arguments of the run, and
    its needs.

    A started run resumes with as many threads as before, which decide its last bits. Raises CannotWrite.
    """
    chosen, file = trial.choices, _beside(trial, ".toml").absolute()
    threads = chosen.threads or _threads_before(trial.folder) or needs.threads
    command = trial.command
    if chosen.threads is None and command.startswith("semreg run "):
        command += f" --threads {threads}"
    with writing(trial.folder):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(REFUSED).unlink(missing_ok=True)
        write_whole(file, toml_text(trial.recipe.table).encode())
    written = trial.recipe.written
    overrides = [*written, *map(toml_text, trial.recipe.overrides[len(written) :])]
    device = "cuda" if needs.gpu else chosen.device
    chosen = replace(
        chosen, seed=trial.seed, threads=threads, device=device,
        out=chosen.out.absolute(), data_root=chosen.data_root.absolute(),
    )  # fmt: skip
    told = ["--of", str(trial.recipe.path.absolute()), "--command", command]
    arguments = ["run", str(file), *told, *options_of(overrides, chosen)]
    return arguments, replace(needs, threads=threads, log=log_of(trial).absolute())


def _threads_before(folder: Path) -> int | None:
    try:
        record = read_record(folder).record
    except UserError:  # there is none, or a damaged one, which the run itself then says
        return None
    threads = record.get("threads")
    return threads if isinstance(threads, int) and threads > 0 and not record.get("trained") else None


def steps_of(trial: Trial) -> frozenset[str]:
    """Return the files to resume from: a trial that ends without new ones has made no progress."""
    return frozenset(f"{kind}/{name}" for kind in (CHECKPOINTS, EVALUATIONS) for name in _listed(trial.folder / kind))


def status_of(trial: Trial) -> tuple[int, int] | None:
    """Return a value that changes each time the run writes its status."""
    try:
        found = os.stat(trial.folder / STATUS)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def length_of_log(trial: Trial) -> int:
    """Return the bytes of the log, over all its starts."""
    try:
        return os.stat(log_of(trial)).st_size
    except OSError:
        return 0


def last_words(trial: Trial, since: int = 0) -> str:
    """Return the last line of its output, from byte `since` of its log on; empty if there is none."""
    try:
        said = read_file(log_of(trial), start=max(since, length_of_log(trial) - LAST_WORDS)).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:MOST_SAID] if lines else ""


def _listed(folder: Path) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
