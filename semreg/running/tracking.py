"""Transfer of runs to an experiment tracker, by a component of kind `tracker`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from semreg.core import Problem, Tracker, UserError
from semreg.core.errors import cause_of
from semreg.core.registry import load
from semreg.running.offered import component_named
from semreg.store.record import read_record
from semreg.store.recorded import read_recorded


def bring(folders: Iterable[Path], tracker: str) -> Iterator[tuple[Path, str]]:
    """Send runs to a tracker, one after another; yield each folder, and where the tracker shows the run.

    Raises UserError, before anything is sent, for folders that hold no run and for an unknown tracker; and for a
    tracker that doesn't answer.
    """
    folders = list(folders)
    found = component_named(tracker, "tracker", "--to")
    function: Tracker = load(found)
    problems = []
    for folder in folders:
        try:
            read_record(folder)
        except UserError as error:
            if len(folders) == 1:
                raise
            problems += [Problem(str(folder), problem.message) for problem in error.problems]
    if problems:
        raise UserError("nothing is tracked", problems)
    for folder in folders:
        yield folder, _brought(folder, function, f"{found.origin}: its tracker {tracker!r}")


def _brought(folder: Path, function: Tracker, named: str) -> str:
    """Return a tracker's answer for a run. Raises UserError."""
    run = read_recorded(folder)
    try:
        return str(function(run))
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit and what plugins make up, too
        raise UserError(str(folder), f"{named} failed: {cause_of(error)}") from error
