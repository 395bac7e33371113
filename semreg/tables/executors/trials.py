"""A run of a grid that is made elsewhere: a list of arguments of `semreg run`, and its recipe in the folder of the run.

Where it stands is told by that folder alone.
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
"""Bytes of the end of a log that are read for them."""
MOST_SAID = 500
REFUSED = ".refused"
"""The end of the name of the file that tells why a trial failed."""


class Trial(Protocol):
    """A run of a grid, as it is planned."""

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
    """What is known of the trials of a grid only while they are made."""

    @property
    def total(self) -> int:
        """How many there are in the end."""

    def left(self, to_do: Sequence[int]) -> int:
        """How many of them are to do, of which the places of some are known."""

    def more(self, free: int) -> Sequence[int]:
        """The places of further trials that are to do, about as many as are free."""

    def given_up(self, k: int) -> str:
        """Why a trial that is under way, or waits, is to be made no further; empty if it is."""


def name_of(trial: Trial) -> str:
    """The trial as it is told of."""
    return f"{trial.plan.name} · seed {trial.seed}"


def lock_of(trial: Trial) -> Path:
    """What a coordinator holds from before it submits the trial until that has ended."""
    return _beside(trial, ".lock")


def log_of(trial: Trial) -> Path:
    """What is said while it is made."""
    return _beside(trial, ".log")


def _beside(trial: Trial, suffix: str) -> Path:
    return trial.folder / TRIALS / f"{trial.plan.name}{suffix}"


def folder_of(file: Path) -> Path:
    """The folder of the run that a trial makes, by its recipe's file."""
    return file.parents[1]


def refusal_of(trial: Trial) -> str:
    """Why the trial ended before it was a run, as its process has left it; empty if it hasn't."""
    try:
        return read_file(_beside(trial, REFUSED)).decode("utf-8", "replace")
    except OSError:
        return ""


@contextlib.contextmanager
def refusal_kept(file: Path) -> Iterator[None]:
    """In the process of a trial, by its recipe's file: why it fails is left beside that, for who has submitted it."""
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
    """Write the recipe of a trial, with all that it extends, into its folder; the arguments that make the run, and what
    it needs.

    A run that was begun goes on with as many threads as before, which decide its last bits. Raises CannotWrite.
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
    """What there is to go on from: a trial that ends without any more of it has made no step forward."""
    return frozenset(f"{kind}/{name}" for kind in (CHECKPOINTS, EVALUATIONS) for name in _listed(trial.folder / kind))


def status_of(trial: Trial) -> tuple[int, int] | None:
    """What is another each time that the run writes how it stands."""
    try:
        found = os.stat(trial.folder / STATUS)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def length_of_log(trial: Trial) -> int:
    """How many bytes of log there are, of all times that it was begun."""
    try:
        return os.stat(log_of(trial)).st_size
    except OSError:
        return 0


def last_words(trial: Trial, since: int = 0) -> str:
    """The last line of what it said, from byte `since` of its log on; empty if it said nothing."""
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
