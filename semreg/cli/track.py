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
        typer.Argument(metavar="RUN...", help="Folders or names of runs.", show_default=False,
                       autocompletion=run_names),
    ],
    to: Annotated[
        str,
        typer.Option("--to", metavar="TRACKER", help="Name of an installed tracker.", show_default=False,
                     autocompletion=tracker_names),
    ],
    out: Out = Path("runs"),
) -> None:  # fmt: skip
    """Send runs to an experiment tracker.

    The tracker receives each run's recipe, versions, data, losses, figures, pictures and report. A repeated command
    sends only new data, also after an interruption. The runs may still be training. Plugins bring trackers; `semreg
    list trackers` lists the installed ones.

    From Python: semreg.track.
    """
    from semreg.running.tracking import bring

    for folder, seen in bring([folder_of(run, out) for run in runs], to):
        echo(f"{folder}: {seen}")
