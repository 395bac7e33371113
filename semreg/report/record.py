"""A run as its folder on disk tells it, read with the standard library alone: for the report and for `semreg runs`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from semreg.errors import UserError, closest

Losses = dict[str, float]


@dataclass(frozen=True)
class RunRecord:
    """What a run wrote of itself: `record` is run.json, `status` is status.json, both possibly lacking keys."""

    folder: Path
    record: dict[str, Any]
    status: dict[str, Any]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.record.get("name") or self.folder.name)

    @property
    def state(self) -> str:
        """`running`, `finished`, `stopped`, `failed`, or `unknown` where no status was written."""
        return str(self.status.get("state", "unknown"))

    def current_state(self) -> str:
        """The state, but `stopped` for a run whose process was killed before it could say so."""
        if self.state != "running":
            return self.state
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.folder / ".lock", timeout=0):
                return "stopped"
        except (Timeout, OSError):
            return "running"

    @property
    def fallback(self) -> str | None:
        """What was missing and what was used instead; None where the recipe's own data were there."""
        return self.record.get("fallback")

    @property
    def seconds(self) -> float | None:
        """From the start to the last change of the status."""
        try:
            start, end = (datetime.fromisoformat(t) for t in (self.record["started"], self.status["updated"]))
            return max(0.0, (end - start).total_seconds())
        except (KeyError, TypeError, ValueError):
            return None


@dataclass
class PhaseMetrics:
    """The metrics of one phase: for each loss its (iteration, value) pairs."""

    train: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    validation: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    best: int | None = None
    """The iteration of the best validation so far."""
    images_per_second: list[float] = field(default_factory=list)
    seconds: float = 0.0


def read_record(folder: Path) -> RunRecord:
    """Read a run's record and status. Raises UserError if the folder holds no run, or a damaged record."""
    if not (folder / "run.json").is_file():
        near = closest(folder.name, (record.folder.name for record in runs_in(folder.parent))) if folder.name else ""
        raise UserError(str(folder), f"holds no run (there is no run.json){near}")
    return RunRecord(folder, _read_object(folder / "run.json"), _read_object(folder / "status.json", {}))


def runs_in(folder: Path) -> list[RunRecord]:
    """The runs in a folder of runs, the oldest first; those whose record is damaged are left out."""
    found: list[RunRecord] = []
    for path in sorted(folder.glob("*/run.json")):
        try:
            found.append(read_record(path.parent))
        except UserError:
            continue
    return sorted(found, key=lambda run: str(run.record.get("started", "")))


def read_metrics(folder: Path) -> dict[str, PhaseMetrics]:
    """The metrics of every phase, in the order in which they were trained; lines cut off by a kill are passed over."""
    phases: dict[str, PhaseMetrics] = {}
    for line in read_lines(folder / "metrics.jsonl"):
        try:
            phase, iteration = phases.setdefault(str(line["phase"]), PhaseMetrics()), int(line["iteration"])
            for series, values in ((phase.train, line.get("losses")), (phase.validation, line.get("validation"))):
                for name, value in (values or {}).items():
                    series.setdefault(name, []).append((iteration, float(value)))
            if line.get("best"):
                phase.best = iteration
            if line.get("images_per_second"):
                phase.images_per_second.append(float(line["images_per_second"]))
            phase.seconds = max(phase.seconds, float(line.get("seconds") or 0))
        except (KeyError, TypeError, ValueError):
            continue
    return phases


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, passing over what is none; nothing if there is no file."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _read_object(path: Path, default: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if default is None:
            raise
        return default
    except (OSError, ValueError) as error:
        raise UserError(str(path), f"cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise UserError(str(path), f"should hold an object, holds {type(value).__name__}")
    return value
