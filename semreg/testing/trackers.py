"""Checks of trackers, which bring an experiment tracker up to date with a run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch

from semreg.core import Picture, Point, RecordedRun, Result, Tracker
from semreg.pictures import png
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation
from semreg.testing.interfaces import require_interface

HASH = sha256(b"a run of semreg.testing").hexdigest()
"""The hash of the run that trackers receive, the same each time."""


def check_tracker(tracker: Tracker, *, exempt: Collection[str] = ()) -> None:
    """Check a tracker: at any time of a run's life it states, in a line, where the run is shown, and leaves it
    unchanged.

    Checks: "interface" (`semreg.core.Tracker`), "documentation", "life" (of a run that starts, trains, is killed,
    resumes with less and to other losses, finishes, is evaluated again, and is tracked once more), "names" (names,
    values and lengths that a tracker's server may reject, figures that are not numbers) and "folder kept". The check
    sends this to the server that you chose for the test; only your own tests can check the server's contents.

    Args:
        tracker: the function that the entry point names.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    checks = Checks(getattr(tracker, "__name__", type(tracker).__name__), exempt)
    checks.run("interface", require_interface, tracker, Tracker)
    checks.run("documentation", check_documentation, tracker)
    for check, life in {"life": _life, "names": _hostile}.items():
        checks.run(check, _told, tracker, life)
    checks.run("folder kept", _check_kept, tracker)
    checks.end()


def _told(tracker: Tracker, life: Callable[[RecordedRun], Sequence[RecordedRun]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for run in life(RecordedRun(Path(folder), "recipe", HASH)):
            said = tracker(run)
            line = isinstance(said, str) and len(said.splitlines()) == 1
            require(line, f"of a run that is {run.state} it returns {said!r:.100}, which is not a line of text")


def _check_kept(tracker: Tracker) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recipe.json").write_text("{}")
        tracker(RecordedRun(folder, "recipe", HASH, files={"recipe.json": b"{}"}))
        require([path.name for path in folder.iterdir()] == ["recipe.json"], "it writes into the run's folder")
        require((folder / "recipe.json").read_text() == "{}", "it changes a file of the run")


def _life(run: RecordedRun) -> list[RecordedRun]:
    """Return states of a run from its start on; when it resumes after a kill, its log has been cut."""
    begun = replace(run, parameters={"data.use": "digits", "seed": 0}, about={"commit": "0a1b"}, started=1e9)
    trained = replace(begun, points=_losses(10), updated=1e9 + 10)
    killed = replace(trained, state="stopped")
    going_on = replace(trained, points=_losses(4))
    otherwise = replace(trained, points=[*_losses(4), *_losses(10, value=0.5)[4:]])
    finished = replace(
        otherwise,
        state="finished",
        figures={"evaluation/probe/accuracy": 0.5},
        results={"probe": Result({"accuracy": 0.5}, pictures=[_picture("Strip"), _picture("Strip")])},
        files={"recipe.json": b"{}", "report.html": b"<p>"},
    )
    again = replace(
        finished,
        figures={"evaluation/probe/accuracy": 0.6},
        results={"probe": Result({"accuracy": 0.6}, pictures=[_picture("Strip", 1.0)])},
    )
    return [begun, trained, killed, killed, going_on, otherwise, finished, finished, again, replace(again, files={})]


def _hostile(run: RecordedRun) -> list[RecordedRun]:
    """Return runs of recipes with names that no server expects."""
    names = ["", " ", "..", "/", "a//b", "../a", "ä ß", "line\nbreak", "quote\"'`", "%s{}<b>", "x" * 1_000]
    points = [Point(f"training/{name}/l2", step, 1.0, 1e9) for name in names for step in (1, 2)]
    parameters = {**dict.fromkeys(names, "x" * 10_000), "list": [1, {"a": None}], "text": "\x00\n\ud800"}
    figures = {
        f"evaluation/{name}/{figure}": value for name in names for figure, value in (("x", 0.5), ("n", math.nan))
    }
    result = Result(pictures=[_picture(name) for name in names])
    hostile = replace(
        run, state="failed", parameters=parameters, about=dict.fromkeys(names, "y" * 10_000), points=points,
        figures=figures, results=dict.fromkeys(names, result), files={"report-ä.html": b"", "recipes/a b.json": b"{}"},
    )  # fmt: skip
    return [hostile, hostile]


def _losses(count: int, value: float = 1.0) -> list[Point]:
    """Return a loss's first records, and its validation after the last."""
    training = [Point("training/main/l2", step, value / step, 1e9 + step) for step in range(1, count + 1)]
    return [*training, Point("validation/main/l2", count, value, 1e9 + count)]


def _picture(title: str, value: float = 0.0) -> Picture:
    return Picture(title, png(torch.full((1, 4, 4), value), (0, 1)))
