"""What `semreg runs` prints: the runs and where they stand, once or again and again."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from semreg.cli.output import columns, echo, echo_json
from semreg.report.formatting import duration
from semreg.store.collection import ListedRun, Selection, collection
from semreg.store.numbers import number
from semreg.store.status import RunStatus

if TYPE_CHECKING:
    from rich.table import Table

SECONDS_BETWEEN_LOOKS = 1.0
_LOSSES_SHOWN, _JUDGED_SHOWN = 3, 2
_COLOURS = {"running": "cyan", "finished": "green", "stopped": "yellow", "failed": "red", "damaged": "red"}


def print_json(out: Path, wanted: Selection) -> None:
    """Print where the runs stand that are wanted, for machines."""
    echo_json([run.as_dictionary() for run in collection(out, wanted).runs])


def print_runs(out: Path, wanted: Selection) -> None:
    """Print the runs that are wanted as columns, those apart that judge others.

    On a terminal no line is longer than it is wide.
    """
    found = collection(out, wanted)
    if not found.runs:
        echo(f"none of the {found.count} runs in {out} is such a one" if found.count else f"no runs in {out}")
        return
    own, judges = ([run for run in found.runs if bool(run.judges) is judging] for judging in (False, True))
    if own:
        _print_columns(own, found.figures)
    if judges:
        echo("\n" * bool(own) + "judges, which evaluations of other runs use:")
        _print_columns(judges, found.figures)


def _print_columns(runs: list[ListedRun], figures: list[str]) -> None:
    shown = [(title, [cell(run.status) for run in runs]) for title, cell in _CELLS.items()]
    shown[2:2] = [
        (_plain(name), [number(run.figures[name]) if name in run.figures else "" for run in runs]) for name in figures
    ]
    shown.append(("judges", [_judged(run) for run in runs]))
    shown = [(title, cells) for title, cells in shown if any(cells)]
    lines = _lines(shown)
    if sys.stdout.isatty():
        limit = shutil.get_terminal_size().columns
        if max(map(len, lines)) > limit:
            lines = _lines([column for column in shown if column[0] not in ("data", "started")])
        lines = [line if len(line) <= limit else f"{line[: limit - 1]}…" for line in lines]
    echo("\n".join(lines))


def _lines(shown: list[tuple[str, list[str]]]) -> list[str]:
    return columns([[title for title, _ in shown], *zip(*(cells for _, cells in shown), strict=True)])


def watch(out: Path, wanted: Selection) -> None:
    """Show the wanted runs that are under way, drawn anew every second, until none is or the user interrupts.

    Where the output is no terminal, wait for them and print all that are wanted then.
    """
    try:
        if sys.stdout.isatty():
            _watch_on_terminal(out, wanted)
            return
        while collection(out, wanted).running:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        print_runs(out, wanted)
    except KeyboardInterrupt:
        return  # the way to stop watching, and no failure of the runs


def _watch_on_terminal(out: Path, wanted: Selection) -> None:
    from rich.console import Console
    from rich.live import Live

    runs = [run.status for run in collection(out, wanted).runs]
    watched = {run.folder for run in runs if run.running}
    if not watched:
        print_runs(out, wanted)
        echo("no run is under way")
        return
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            live.update(_table([run for run in runs if run.folder in watched]), refresh=True)
            if not any(run.running for run in runs):
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
            runs = [run.status for run in collection(out, wanted).runs]
            watched |= {run.folder for run in runs if run.running}


def _table(runs: list[RunStatus]) -> Table:
    """The runs as a table, each with its losses or its message and a bar on a second line."""
    from rich import box
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("phase", overflow="fold")
    table.add_column("iteration", no_wrap=True, min_width=16)
    for title in ("left", "img/s", "updated"):
        table.add_column(title, no_wrap=True)
    for run in runs:
        cells = {title: Text(cell(run)) for title, cell in _CELLS.items()}
        cells["state"].stylize(_COLOURS.get(run.state, ""))
        cells["latest"].stylize("dim")
        epoch = Text(f"  epoch {cells['epoch']}" if cells["epoch"] else "")
        bar = ProgressBar(total=1.0, completed=run.share, width=16) if run.running and run.share is not None else ""
        table.add_row(
            cells["run"], cells["state"], Group(cells["phase"] + epoch, cells["latest"]),
            Group(cells["iteration"], bar), cells["left"], cells["img/s"], cells["updated"],
        )  # fmt: skip
    return table


# --- cells ---


def _plain(text: str) -> str:
    """One line without control characters: a record may hold anything."""
    return "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))


def _where(run: RunStatus) -> str:
    if run.state == "finished" or not run.phase:
        return ""
    of = f" {run.position}/{run.count}" if run.position and run.count and run.count > 1 else ""
    return _plain(f"{run.phase}{of}")


def _of(part: int | None, whole: int | None) -> str:
    return f"{part}/{whole}" if part is not None and whole is not None else ""


def _iteration(run: RunStatus) -> str:
    share = "" if run.share is None else f" {100 * run.share:3.0f}%"
    return f"{_of(run.iteration, run.iterations)}{share}" if run.state != "finished" else ""


def _latest(run: RunStatus) -> str:
    """The latest losses of a run under way; of another, why it is not."""
    if not run.running:
        return _plain(run.message or (f"failed: {', '.join(run.failed)}" if run.failed else ""))
    shown = [f"{name} {number(value)}" for name, value in list(run.losses.items())[:_LOSSES_SHOWN]]
    shown += [f"+{len(run.losses) - _LOSSES_SHOWN} losses"] if len(run.losses) > _LOSSES_SHOWN else []
    shown += [f"valid {name} {number(value)}" for name, value in run.validation.items()]
    return _plain(", ".join(shown) or run.message or "")


def _updated(run: RunStatus) -> str:
    if not run.running or run.seconds_since_update is None:
        return ""
    return f"{duration(run.seconds_since_update)} ago"


def _data(run: RunStatus) -> str:
    return _plain(f"{run.data}{' (fallback)' if run.fallback else ''}") if run.data else ""


def _judged(run: ListedRun) -> str:
    """The runs in whose evaluations it judges; the first of many."""
    shown = ", ".join(run.judges[:_JUDGED_SHOWN])
    more = len(run.judges) - _JUDGED_SHOWN
    return _plain(f"{shown}, +{more}" if more > 0 else shown)


_CELLS: dict[str, Callable[[RunStatus], str]] = {
    "run": lambda run: _plain(run.folder.name),
    "state": lambda run: _plain(run.state + (f", {len(run.failed)} failed" if run.failed else "")),
    "phase": _where,
    "epoch": lambda run: _of(run.epoch, run.epochs) if run.state != "finished" else "",
    "iteration": _iteration,
    "left": lambda run: duration(run.seconds_left) if run.running and run.seconds_left is not None else "",
    "img/s": lambda run: f"{run.images_per_second:.0f}" if run.running and run.images_per_second else "",
    "updated": _updated,
    "started": lambda run: _plain((run.started or "")[:16].replace("T", " ")),
    "data": _data,
    "picture": lambda run: _plain(run.picture or ""),
    "latest": _latest,
}
