"""A run read from its folder with the standard library only, for the report and for `semreg runs`."""

from __future__ import annotations

import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from semreg.core import UserError, closest
from semreg.store.disk import MOST_OF_A_LOG, read_file, read_if_there, read_object
from semreg.store.layout import CHECKPOINTS, LOCK, METRICS, RECIPE, RECORD, STATUS, TRIALS
from semreg.store.leases import is_held

SECONDS_OF = "seconds_of_"
"""The prefix of metrics for the time of work between iterations."""
END = 2**16
"""The most bytes read at the end of a log of any length."""
_OF_A_RUN = (RECORD, STATUS, METRICS, RECIPE, CHECKPOINTS, TRIALS)


@dataclass(frozen=True)
class RunRecord:
    """A run's own records: `record` is run.json, `status` is status.json; both may lack keys.

    `damage` states what is wrong with a folder whose record cannot be read.
    """

    folder: Path
    record: dict[str, Any]
    status: dict[str, Any]
    damage: str = ""

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.record.get("name") or self.folder.name)

    @property
    def state(self) -> str:
        """`running`, `finished`, `stopped`, `failed`, or `unknown` without a status."""
        return str(self.status.get("state", "unknown"))

    def current_state(self) -> str:
        """`damaged`, or the state as the folder's lock corrects it.

        A run whose process was killed before it could record this is `stopped`. A run that has just started or resumed
        is `running`, as is one that a grid has submitted to an executor.
        """
        if self.state == "finished" and not self.damage:
            return "finished"
        if at_work(self.folder) or claimed(self.folder):
            return "running"
        if self.damage:
            return "damaged"
        return "stopped" if self.state in ("running", "unknown") else self.state

    @property
    def fallback(self) -> str | None:
        """The missing data and their substitute; None if the run used the recipe's data."""
        return self.record.get("fallback")

    @property
    def seconds(self) -> float | None:
        """Seconds from the start to the last change of the status."""
        try:
            start, end = (datetime.fromisoformat(t) for t in (self.record["started"], self.status["updated"]))
            return max(0.0, (end - start).total_seconds())
        except (KeyError, TypeError, ValueError):
            return None


@dataclass
class PhaseMetrics:
    """The metrics of one phase: for each loss, and each part of an iteration's time, its (iteration, value) pairs."""

    train: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    validation: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    best: int | None = None
    """The iteration of the best validation so far."""
    images_per_second: list[float] = field(default_factory=list)
    seconds_per_iteration: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    seconds: float = 0.0
    """Seconds of the whole loop: its iterations, and the work between them."""
    seconds_of: dict[str, float] = field(default_factory=dict)
    """Seconds of work between iterations, such as validation, as far as it was measured."""


def at_work(folder: Path) -> bool:
    """Return whether a process has a run's folder, on this machine or another."""
    return is_held(folder / LOCK)


def claimed(folder: Path) -> bool:
    """Return whether the coordinator of a grid has submitted a run to an executor, whose process may still prepare."""
    return any(is_held(lock) for lock in folder.glob(f"{TRIALS}/*.lock"))


def read_record(folder: Path) -> RunRecord:
    """Read a run's record and status. Raises UserError if the folder holds no run, or a damaged record."""
    record = read_object(folder / RECORD)
    if record is None:
        near = closest(folder.name, (path.name for path in run_folders(folder.parent))) if folder.name else ""
        raise UserError(str(folder), f"holds no run (there is no {RECORD}){near}")
    return RunRecord(folder, record, read_object(folder / STATUS) or {})


def runs_in(folder: Path) -> list[RunRecord]:
    """Return the runs in a folder of runs, the oldest first; those with a damaged record come last and state the
    damage.
    """
    found = [_listed(path) for path in run_folders(folder)]
    return sorted(found, key=lambda run: (bool(run.damage), str(run.record.get("started", ""))))


def known_runs(folder: Path) -> list[RunRecord]:
    """Return the runs with a readable record in a folder of runs, by the names of their folders."""
    return readable(path.parent for path in sorted(folder.glob(f"[!.]*/{RECORD}")))


def readable(folders: Iterable[Path]) -> list[RunRecord]:
    """Return the runs in some folders that have a readable record."""
    found = []
    for folder in folders:
        if os.path.lexists(folder / RECORD):
            with contextlib.suppress(UserError):  # its users report a damaged one
                found.append(read_record(folder))
    return found


def by_hash(runs: Iterable[RunRecord]) -> dict[str, list[RunRecord]]:
    """Return the runs by their hash."""
    found = defaultdict[str, list[RunRecord]](list)
    for run in runs:
        found[str(run.record.get("hash"))].append(run)
    return found


def run_folders(folder: Path) -> list[Path]:
    """Return the folders of runs in a folder; unreadable and partly removed ones are skipped."""
    return [path for path in sorted(folder.glob("[!.]*")) if any(os.path.lexists(path / name) for name in _OF_A_RUN)]


def _listed(folder: Path) -> RunRecord:
    if not os.path.lexists(folder / RECORD):
        begun = any(os.path.lexists(folder / name) for name in _OF_A_RUN if name != TRIALS)
        why = "" if begun else ": its process ended before the run started"
        return RunRecord(folder, {}, {}, f"there is no {RECORD}{why}")
    try:
        return read_record(folder)
    except UserError as error:
        return RunRecord(folder, {}, {}, f"{Path(error.source).name} {error.problems[0].message}")


def read_metrics(folder: Path) -> dict[str, PhaseMetrics]:
    """Return the metrics of every phase, in training order; lines that a kill cut off are skipped."""
    phases: dict[str, PhaseMetrics] = {}
    for line in read_lines(folder / METRICS):
        try:
            phase, iteration = phases.setdefault(str(line["phase"]), PhaseMetrics()), int(line["iteration"])
            for series, values in (
                (phase.train, line.get("losses")),
                (phase.validation, line.get("validation")),
                (phase.seconds_per_iteration, line.get("seconds_per_iteration")),
            ):
                for name, value in (values or {}).items():
                    series.setdefault(name, []).append((iteration, float(value)))
            if line.get("best"):
                phase.best = iteration
            if line.get("images_per_second"):
                phase.images_per_second.append(float(line["images_per_second"]))
            phase.seconds = max(phase.seconds, float(line.get("seconds") or 0))
            for name, seconds in line.items():
                if name.startswith(SECONDS_OF):
                    what = name.removeprefix(SECONDS_OF)
                    phase.seconds_of[what] = phase.seconds_of.get(what, 0.0) + float(seconds)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return phases


def read_end(path: Path, length: int = END) -> list[dict[str, Any]]:
    """Return the objects in the last `length` bytes of a file of JSON lines, without reading earlier ones."""
    try:
        end = read_file(path, start=-length)
    except OSError:
        return []
    lines = end.split(b"\n")
    return list(objects(lines[1:] if len(end) == length else lines))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines, and skip invalid lines; nothing if the file doesn't exist.

    Raises UserError if the path isn't a file, or if the file is larger than a log can be.
    """
    yield from objects((read_if_there(path, most=MOST_OF_A_LOG) or b"").split(b"\n"))


def objects(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the `lines` that are JSON objects."""
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
