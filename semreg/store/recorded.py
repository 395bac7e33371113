"""A run as trackers receive it: the contents of its folder, each item once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from semreg.core import Point, RecordedRun, Result, UserError
from semreg.store.collection import recipe_values
from semreg.store.disk import read_if_there
from semreg.store.layout import METRICS
from semreg.store.reading import table_in
from semreg.store.recipes import evaluations_of, judged_on, recipe_path, recipes_of, report_path
from semreg.store.record import RunRecord, read_lines, read_record
from semreg.store.results import read_result

_LOGGED = {"training": "losses", "validation": "validation"}
"""The kinds of series, with their places in a line of the log."""
_TOLD = ("recipe", "command", "commit", "code", "device", "card", "threads", "processes", "fallback")


def read_recorded(folder: Path, *, own: bool = False) -> RecordedRun:
    """Read a run from its folder; of evaluations with one name it takes those of the run's own recipe.

    Evaluations on the validation images are called `NAME on validation`.

    The state is the last written one if this process has the folder as its `own`; for other processes, a run that no
    process has isn't in training. Raises UserError if the folder holds no run, or a damaged one.
    """
    run = read_record(folder)
    digest = str(run.record.get("hash") or "none")
    if set(digest) - set("0123456789abcdef"):
        raise UserError(str(folder), "its record has no hash, so a tracker can't identify the run")
    recipes = recipes_of(folder)
    results: dict[str, Result] = {}
    for recipe in recipes:
        on = "" if judged_on(recipe)[1] == "test" else f" on {judged_on(recipe)[1]}"
        for name, place in evaluations_of(folder, recipe).items():
            if name + on not in results:
                results[name + on] = read_result(place)
    paths = [path for recipe in recipes for path in (recipe_path(folder, recipe), report_path(folder, recipe))]
    files = {path.relative_to(folder).as_posix(): read_if_there(path) for path in paths}
    started = _seconds(run.record.get("started"))
    return RecordedRun(
        folder,
        run.name,
        digest,
        run.state if own else run.current_state(),
        started,
        _seconds(run.status.get("updated")) or started,
        recipe_values(run),
        dict(_about(run)),
        list({(point.series, point.step): point for point in _points(folder, started)}.values()),
        {
            f"evaluation/{name}/{figure}": result.figures[figure]
            for name, result in results.items()
            for figure in result.figures
        },
        results,
        {name: content for name, content in files.items() if content is not None},
    )


def _about(run: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield the data, code and environment of a run."""
    data = table_in(run.record, "data")
    told: dict[str, Any] = {name: run.record.get(name) for name in _TOLD}
    told |= {"data": data.get("name"), "data.fingerprint": data.get("fingerprint")}
    told |= {"continues": table_in(run.record, "continues").get("hash")}
    told |= {f"versions.{name}": version for name, version in table_in(run.record, "versions").items()}
    yield from ((name, str(value)) for name, value in told.items() if value not in (None, ""))


def _points(folder: Path, started: float) -> Iterator[Point]:
    """Yield the losses of the log, and skip invalid lines."""
    phase, begun, spent = "", started, 0.0
    for line in read_lines(folder / METRICS):
        try:
            name, step, seconds = str(line["phase"]), int(line["iteration"]), float(line.get("seconds") or 0.0)
            if name != phase:
                phase, begun, spent = name, begun + spent, 0.0
            spent = max(spent, seconds)  # a line of a validation has none
            for kind, key in _LOGGED.items():
                for loss, value in (line.get(key) or {}).items():
                    yield Point(f"{kind}/{phase}/{loss}", step, float(value), begun + spent)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue


def _seconds(text: Any) -> float:
    """Convert a time to seconds since 1970; 0 if it is invalid."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return 0.0
