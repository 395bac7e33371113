"""The list of runs and their progress that `semreg runs` prints, once or repeatedly."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from semreg.cli.output import columns, echo, echo_json
from semreg.report.run_table import CELLS, plain, run_table
from semreg.store.collection import ListedRun, Selection, collection
from semreg.store.numbers import number

SECONDS_BETWEEN_LOOKS = 1.0
_JUDGED_SHOWN = 2


def print_json(out: Path, wanted: Selection) -> None:
    """Print the progress of the selected runs as JSON."""
    echo_json([run.as_dictionary() for run in collection(out, wanted).runs])


def print_runs(out: Path, wanted: Selection) -> None:
    """Print the selected runs in columns, and the judges of other runs in a second list.

    On a terminal the lines are cut to its width.
    """
    found = collection(out, wanted)
    if not found.runs:
        echo(f"none of the {found.count} runs in {out} matches" if found.count else f"no runs in {out}")
        return
    own, judges = ([run for run in found.runs if bool(run.judges) is judging] for judging in (False, True))
    if own:
        _print_columns(own, found.figures)
    if judges:
        echo("\n" * bool(own) + "judges of other runs' evaluations:")
        _print_columns(judges, found.figures)


def _print_columns(runs: list[ListedRun], figures: list[str]) -> None:
    shown = [(title, [cell(run.status) for run in runs]) for title, cell in CELLS.items()]
    shown[2:2] = [
        (plain(name), [number(run.figures[name]) if name in run.figures else "" for run in runs]) for name in figures
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
    """Show the selected runs that are running, and refresh them every second until all end or the user interrupts.

    If the output is not a terminal, wait until they end, then print all selected runs.
    """
    try:
        if sys.stdout.isatty():
            _watch_on_terminal(out, wanted)
            return
        while collection(out, wanted).running:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        print_runs(out, wanted)
    except KeyboardInterrupt:
        return  # the user stops watching; the runs continue


def _watch_on_terminal(out: Path, wanted: Selection) -> None:
    from rich.console import Console
    from rich.live import Live

    runs = [run.status for run in collection(out, wanted).runs]
    watched = {run.folder for run in runs if run.running}
    if not watched:
        print_runs(out, wanted)
        echo("no run is running")
        return
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            live.update(run_table([run for run in runs if run.folder in watched]), refresh=True)
            if not any(run.running for run in runs):
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
            runs = [run.status for run in collection(out, wanted).runs]
            watched |= {run.folder for run in runs if run.running}


def _judged(run: ListedRun) -> str:
    """Return the names of the first runs that a run judges, and the count of the others."""
    shown = ", ".join(run.judges[:_JUDGED_SHOWN])
    more = len(run.judges) - _JUDGED_SHOWN
    return plain(f"{shown}, +{more}" if more > 0 else shown)
