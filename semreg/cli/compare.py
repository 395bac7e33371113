"""`semreg compare`: the command line of a table of existing runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.completion import trained_names
from semreg.cli.options import JudgeOn, Out
from semreg.cli.table import Against, Figures, FiguresOf, Plots, TableName, echo_table
from semreg.running.choices import Choices

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Folders or names of runs, quoted globs of names, or zoo:NAME.",
        show_default=False,
        autocompletion=trained_names,
    ),
]


def compare(
    runs: Runs,
    figures: Figures = [],  # noqa: B006  typer reads the default and never changes it
    plots: Plots = [],  # noqa: B006
    figures_of: FiguresOf = [],  # noqa: B006
    against: Against = None,
    judge_on: JudgeOn = "test",
    name: TableName = None,
    out: Out = Path("runs"),
) -> None:
    """Write one table of existing runs without training.

    Each recipe is a row: the mean and standard deviation over its seeds. The command reads the figures in the runs'
    folders. It computes nothing again, and needs none of the runs' plugins.
    """
    from semreg.tables.comparing import compare_runs
    from semreg.tables.growing import Wanted
    from semreg.tables.plots import plots_of

    command = shlex.join(["semreg", *sys.argv[1:]])
    wanted = Wanted(
        tuple(figures), against, name=name, command=command, plots=plots_of(plots), figures_of=tuple(figures_of)
    )
    echo_table(compare_runs(runs, wanted, Choices(out=out, judge_on=judge_on)), written=True)
