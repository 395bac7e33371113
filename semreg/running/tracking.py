"""Runs brought into a store of experiments, by a component of kind `tracker`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from semreg.core import Problem, Tracker, UserError, closest
from semreg.core.errors import cause_of
from semreg.core.kinds import KINDS
from semreg.core.registry import find, installed_entry_points, load
from semreg.store.record import read_record
from semreg.store.recorded import read_recorded

OFFERED = {"mlflow": "semreg-mlflow"}
"""Trackers that come by plugins of semreg's own, and these."""


def bring(folders: Iterable[Path], tracker: str) -> Iterator[tuple[Path, str]]:
    """Bring a tracker's store up to date with runs, one after another: each folder, and where the run is to be seen.

    Raises UserError, before anything is sent, for folders that hold no run and for a tracker that there isn't; for a
    store that doesn't answer.
    """
    folders = list(folders)
    function, origin = _tracker(tracker)
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
        yield folder, _brought(folder, function, f"{origin}: its tracker {tracker!r}")


def _brought(folder: Path, function: Tracker, named: str) -> str:
    """What a tracker says of a run that it was given. Raises UserError."""
    run = read_recorded(folder)
    try:
        return str(function(run))
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit and what plugins make up, too
        raise UserError(str(folder), f"{named} failed: {cause_of(error)}") from error


def _tracker(name: str) -> tuple[Tracker, str]:
    """The tracker of a name, and the distribution that it is from. Raises UserError."""
    try:
        found = find(name, ["tracker"])
    except LookupError as error:
        known = {point.name for point in installed_entry_points(KINDS["tracker"].group, also_off=True)}
        near = [tracker for tracker in OFFERED.keys() - known if closest(name, [tracker]).endswith("?")]
        cure = "".join(f"; {tracker!r} comes by `pip install {OFFERED[tracker]}`" for tracker in near)
        cure = cure or ("" if known else "; none is installed")
        raise UserError("--to", f"{error}{cure}") from None
    return load(found), found.origin
