"""`semreg track`: the command line of `semreg.track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.completion import run_names, tracker_names
from semreg.cli.options import Out
from semreg.cli.output import echo
from semreg.store.names import folder_of


def track(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Runs' folders, or their names.", show_default=False,
                       autocompletion=run_names),
    ],
    to: Annotated[
        str,
        typer.Option("--to", metavar="TRACKER", help="The installed tracker that is to show them.", show_default=False,
                     autocompletion=tracker_names),
    ],
    out: Out = Path("runs"),
) -> None:  # fmt: skip
    """Bring runs, or what is new of them, to a tracker.

    What a run's folder holds is then there once, however often this is done and whatever was killed: recipe, versions,
    data, losses, figures, pictures and report. A run may still train. Trackers come by plugins: `semreg list trackers`.

    From Python: semreg.track.
    """
    from semreg.running.tracking import bring

    for folder, seen in bring([folder_of(run, out) for run in runs], to):
        echo(f"{folder}: {seen}")
