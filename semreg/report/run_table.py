"""The status of runs as a table, drawn on a terminal while they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from semreg.report.formatting import duration
from semreg.store.numbers import number
from semreg.store.status import RunStatus

if TYPE_CHECKING:
    from rich.table import Table

_LOSSES_SHOWN = 3
_COLOURS = {"running": "cyan", "finished": "green", "stopped": "yellow", "failed": "red", "damaged": "red"}


def run_table(runs: Sequence[RunStatus]) -> Table:
    """Return the runs as a table of two lines each: the second has the time of the update, losses or message, a bar and
    pace.

    On a terminal of 80 columns a run's name, which contains a sweep's values, takes less than a third.
    """
    from rich import box
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("phase", overflow="fold")
    table.add_column("iteration", no_wrap=True, min_width=14)
    table.add_column("left", no_wrap=True)
    for run in runs:
        cells = {title: Text(cell(run)) for title, cell in CELLS.items()}
        cells["state"].stylize(_COLOURS.get(run.state, ""))
        pace = Text(f"{cells['img/s']} img/s" if cells["img/s"] else "")
        for below in (cells["latest"], cells["updated"], pace):
            below.stylize("dim")
        epoch = Text(f"  epoch {cells['epoch']}" if cells["epoch"] else "")
        bar = ProgressBar(total=1.0, completed=run.share, width=14) if run.running and run.share is not None else ""
        table.add_row(
            cells["run"], Group(cells["state"], cells["updated"]), Group(cells["phase"] + epoch, cells["latest"]),
            Group(cells["iteration"], bar), Group(cells["left"], pace),
        )  # fmt: skip
    return table


def plain(text: str) -> str:
    """Return one line without control characters: a record may be untrusted."""
    return "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))


def _where(run: RunStatus) -> str:
    if run.state == "finished" or not run.phase:
        return ""
    of = f" {run.position}/{run.count}" if run.position and run.count and run.count > 1 else ""
    return plain(f"{run.phase}{of}")


def _of(part: int | None, whole: int | None) -> str:
    return f"{part}/{whole}" if part is not None and whole is not None else ""


def _iteration(run: RunStatus) -> str:
    share = "" if run.share is None else f" {100 * run.share:3.0f}%"
    return f"{_of(run.iteration, run.iterations)}{share}" if run.state != "finished" else ""


def _latest(run: RunStatus) -> str:
    """Return the latest losses of a running run, or why a run isn't running."""
    if not run.running:
        return plain(run.message or (f"failed: {', '.join(run.failed)}" if run.failed else ""))
    shown = [f"{name} {number(value)}" for name, value in list(run.losses.items())[:_LOSSES_SHOWN]]
    shown += [f"+{len(run.losses) - _LOSSES_SHOWN} losses"] if len(run.losses) > _LOSSES_SHOWN else []
    shown += [f"valid {name} {number(value)}" for name, value in run.validation.items()]
    return plain(", ".join(shown) or run.message or "")


def _updated(run: RunStatus) -> str:
    if not run.running or run.seconds_since_update is None:
        return ""
    return plain(f"{duration(run.seconds_since_update)} ago{f', on {run.host}' if run.host else ''}")


def _data(run: RunStatus) -> str:
    return plain(f"{run.data}{' (fallback)' if run.fallback else ''}") if run.data else ""


CELLS: dict[str, Callable[[RunStatus], str]] = {
    "run": lambda run: plain(run.folder.name),
    "state": lambda run: plain(run.state + (f", {len(run.failed)} failed" if run.failed else "")),
    "phase": _where,
    "epoch": lambda run: _of(run.epoch, run.epochs) if run.state != "finished" else "",
    "iteration": _iteration,
    "left": lambda run: duration(run.seconds_left) if run.running and run.seconds_left is not None else "",
    "img/s": lambda run: f"{run.images_per_second:.0f}" if run.running and run.images_per_second else "",
    "updated": _updated,
    "started": lambda run: plain((run.started or "")[:16].replace("T", " ")),
    "data": _data,
    "picture": lambda run: plain(run.picture or ""),
    "latest": _latest,
}
"""The columns of a run, by titles."""
