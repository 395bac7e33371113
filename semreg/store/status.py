"""The status of runs, from the ends of their logs; read with the standard library only, for `semreg runs`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from semreg.core import UserError
from semreg.store.disk import read_object
from semreg.store.layout import LOCK, METRICS, RECIPE, WATCH, WATCHED
from semreg.store.leases import holder
from semreg.store.reading import table_in
from semreg.store.record import END, RunRecord, read_end
from semreg.store.watched import watched_in

_EVALUATING = "evaluating "
_RECORDS_FOR_PACE = 8
END_OF_ENDED = END // 4
"""Bytes of a log that hold the last records of an ended run; a running one also shows its pace."""
_LARGEST = 2**53  # of whole numbers that can be divided
_KILLED = "its process was killed; the same command resumes from the last checkpoint"


@dataclass(frozen=True)
class RunStatus:
    """The status of a run; None, or nothing, if its folder lacks the information."""

    folder: Path
    name: str
    state: str
    """`running`, `finished`, `stopped`, `failed` or `damaged`."""
    phase: str | None = None
    """The phase in training, or `evaluating NAME`."""
    position: int | None = None
    """The number of the phase, or of the evaluation, out of `count`, from 1."""
    count: int | None = None
    epoch: int | None = None
    epochs: int | None = None
    iteration: int | None = None
    iterations: int | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    """Seconds until the phase ends, at the pace of its last records, if nothing ends it early."""
    losses: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    message: str | None = None
    failed: list[str] = field(default_factory=list)
    """The failed evaluations of a finished run."""
    picture: str | None = None
    """The latest picture from `[watch]`, in the run's folder."""
    host: str | None = None
    """The machine that trains the run, if it isn't this one."""
    data: str | None = None
    fallback: str | None = None
    seed: int | None = None
    started: str | None = None
    updated: str | None = None
    seconds_since_update: float | None = None

    @property
    def running(self) -> bool:
        """Whether a process trains or evaluates it."""
        return self.state == "running"

    @property
    def share(self) -> float | None:
        """The finished share of the phase, from 0 to 1."""
        if self.iteration is None or not self.iterations:
            return None
        return min(1.0, max(0.0, self.iteration / self.iterations))

    def as_dictionary(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"folder": str(self.folder), "share": self.share}


def run_status(run: RunRecord, now: datetime) -> RunStatus:
    """Return the status of a run at the time `now`."""
    state, record, status = run.current_state(), run.record, run.status
    if run.damage:
        return RunStatus(run.folder, run.name, state, message="it is beginning" if state == "running" else run.damage)
    updated = _text(status.get("updated"))
    age = _age(updated, now)
    message = _text(status.get("message")) if state == run.state else None
    if state == "stopped" and run.state != "stopped":
        message = _KILLED
    data = table_in(record, "data")
    phase = _text(status.get("phase"))
    if phase and phase.startswith(_EVALUATING):
        about = {"phase": phase} | _evaluation(run.folder, phase.removeprefix(_EVALUATING))
    else:
        about = _training(run, age or 0.0, END if state == "running" else END_OF_ENDED)
    return RunStatus(
        run.folder,
        run.name,
        state,
        **about,
        message=message,
        failed=[name for name in _list(status.get("failed")) if isinstance(name, str)],
        picture=_picture(run.folder),
        host=lease.host if state == "running" and (lease := holder(run.folder / LOCK)) is not None else None,
        data=_text(data.get("name")),
        fallback=_text(record.get("fallback")),
        seed=_whole(record.get("seed")),
        started=_text(record.get("started")),
        updated=updated,
        seconds_since_update=age,
    )


def _evaluation(folder: Path, name: str) -> dict[str, Any]:
    """Return which of the recipe's evaluations is running."""
    try:
        recipe = read_object(folder / RECIPE) or {}
    except UserError:
        return {}
    names = list(table_in(recipe, "evaluate"))
    return {"position": names.index(name) + 1, "count": len(names)} if name in names else {}


def _training(run: RunRecord, age: float, length: int) -> dict[str, Any]:
    """Return the progress of the current phase, or of the last one of an ended run, from the last `length` bytes of the
    log.
    """
    lines = read_end(run.folder / METRICS, length)
    # A run that was stopped says why and not where: that is in the log.
    place = run.status if "phase" in run.status else lines[-1] if lines else {}
    phase = _text(place.get("phase"))
    listed = run.record.get("phases")
    plans = [table_in(plan) for plan in _list(listed)]
    names = [plan.get("name") for plan in plans]
    position = names.index(phase) if phase in names else None
    plan = plans[position] if position is not None else {}
    lines = [line for line in lines if line.get("phase") == phase]
    records = [line for line in lines if isinstance(line.get("losses"), dict)]
    validations = [line for line in lines if isinstance(line.get("validation"), dict)]
    last = records[-1] if records else {}
    iteration, iterations = _whole(place.get("iteration")), _whole(place.get("iterations"))
    return {
        "phase": phase,
        "position": None if position is None else position + 1,
        "count": len(plans) or None,
        "epoch": _whole(last.get("epoch")),
        "epochs": _whole(plan.get("epochs")),
        "iteration": iteration,
        "iterations": iterations,
        "images_per_second": _number(last.get("images_per_second")),
        "seconds_left": _left(records, iteration, iterations, age),
        "losses": _numbers(last.get("losses")),
        "validation": _numbers(validations[-1].get("validation")) if validations else {},
    }


def _picture(folder: Path) -> str | None:
    kept = list(watched_in(read_end(folder / WATCHED)))
    return f"{WATCH}/{kept[-1].picture}" if kept else None


def _left(records: list[dict[str, Any]], iteration: int | None, iterations: int | None, age: float) -> float | None:
    """Return the seconds until a phase ends, `age` after its last record; it assumes that no record is late."""
    if iteration is None or iterations is None:
        return None
    points: list[tuple[float, int]] = []
    for record in reversed(records[-_RECORDS_FOR_PACE:]):
        seconds, at = _number(record.get("seconds")), _whole(record.get("iteration"))
        if seconds is None or at is None or (points and (seconds >= points[-1][0] or at >= points[-1][1])):
            break
        points.append((seconds, at))
    if len(points) < 2:
        return None
    (end, last), (start, first) = points[0], points[-1]
    interval = end - points[1][0]
    return max(0.0, (iterations - iteration) * (end - start) / (last - first) - min(age, interval))


def _age(updated: str | None, now: datetime) -> float | None:
    try:
        return max(0.0, (now - datetime.fromisoformat(updated or "")).total_seconds())
    except (TypeError, ValueError):
        return None


# A record may be untrusted: values of a wrong type count as missing.


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST else None


def _number(value: Any) -> float | None:
    """Return a finite number: standard JSON has no others."""
    return float(value) if isinstance(value, float) and math.isfinite(value) else _whole(value)


def _numbers(value: Any) -> dict[str, float]:
    numbers = {name: _number(entry) for name, entry in table_in(value).items()}
    return {name: entry for name, entry in numbers.items() if entry is not None}
