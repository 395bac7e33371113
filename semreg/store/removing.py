"""Removal of runs: whole or not at all, and none that a process has or another run uses."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from semreg.core import Problem, UserError
from semreg.store import layout
from semreg.store.disk import discard, read_object, size_of, writing
from semreg.store.folder import SECONDS_OF_A_LOOK, RunIsBusy
from semreg.store.leases import LeasedLock
from semreg.store.names import named
from semreg.store.record import at_work, claimed, run_folders, runs_in
from semreg.store.uses import users_of_runs

BUSY = "a process uses it; wait for it, or stop it"
_MADE = {value for name, value in vars(layout).items() if name.isupper()}
_MADE_TOO = re.compile(r"\..*\.part|report-.+\.html|tensorboard")


@dataclass(frozen=True)
class Doomed:
    """A run to remove; `used` lists its uses by other runs."""

    folder: Path
    size: int
    """Its size in bytes."""
    used: tuple[str, ...]


def doomed_runs(names: Sequence[str], runs: Path, *, force: bool = False) -> list[Doomed]:
    """Return the runs of a folder of runs that names, paths and globs mean, each once.

    Raises UserError with all problems: paths that are not runs of that folder, globs that match none, and runs that a
    process has. Without `force`, it also rejects runs that remaining runs use.
    """
    problems: list[Problem] = []
    chosen = _chosen(names, runs, problems)
    users = users_of_runs(runs_in(runs))
    doomed = []
    for folder in chosen:
        foreign = _why_foreign(folder)
        if foreign:
            problems.append(Problem(str(folder), foreign))
            continue
        if at_work(folder) or claimed(folder):
            problems.append(Problem(str(folder), BUSY))
        found = [use for use in users.get(_hash(folder), []) if use.user not in {path.name for path in chosen}]
        if found and not force:
            problems += [Problem(str(folder), use.text()) for use in found]
            problems.append(Problem("", f"also remove the runs that use {folder.name}, or remove it anyway by --force"))
        doomed.append(Doomed(folder, size_of(folder), tuple(use.text() for use in found)))
    if problems:
        raise UserError("nothing is removed", problems)
    return doomed


def remove_run(folder: Path) -> None:
    """Remove a run's folder; a kill at any instant leaves it whole or absent. Raises RunIsBusy and CannotWrite."""
    lock = LeasedLock(folder / layout.LOCK)
    with writing(folder, "fix this, and repeat the command"):
        try:
            lock.acquire(timeout=SECONDS_OF_A_LOOK, to_remove=True)
        except Timeout:
            raise RunIsBusy(str(folder), BUSY) from None
        try:
            if claimed(folder):
                raise RunIsBusy(str(folder), BUSY)
            discard(folder)
        finally:
            lock.release()


def _chosen(names: Sequence[str], runs: Path, problems: list[Problem]) -> list[Path]:
    inside = []
    for name in names:
        path = Path(name)
        if len(path.parts) > 1 and path.parent.resolve() != runs.resolve():
            problems.append(Problem(name, f"is not in {runs}; say its folder of runs by --out"))
        else:
            inside.append(path.name or name)
    return named(inside, {path.name: path for path in run_folders(runs)}, f"run in {runs}", problems)


def _why_foreign(folder: Path) -> str:
    """Return why a folder may hold something other than a run; empty if it is a run's, damaged or not."""
    if folder.is_symlink():
        return "is a link, which no run makes; remove it by hand"
    if _hash(folder):
        return ""
    others = sorted(set(os.listdir(folder)) - _MADE)
    others = [name for name in others if not _MADE_TOO.fullmatch(name)]
    if others:
        return f"has no readable record, and holds {others[0]}, which may be no run's; remove it by hand"
    return ""


def _hash(folder: Path) -> str:
    try:
        return str((read_object(folder / layout.RECORD) or {}).get("hash") or "")
    except UserError:
        return ""
