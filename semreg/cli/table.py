"""`semreg table`: the command line that trains recipes with several seeds and compares them."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from semreg.cli.options import Overrides, takes_choices
from semreg.cli.output import echo
from semreg.running.choices import Choices
from semreg.store.messages import in_first_process, say

if TYPE_CHECKING:
    from semreg.tables.making import MadeTable

Recipes = Annotated[
    list[str],
    typer.Argument(metavar="RECIPE...", help="Names of shipped recipes, or recipe files.", show_default=False),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds", metavar="N|S,S,...", help="Seeds 0 to N-1, or a list of seeds; default: each recipe's own."
    ),
]
Figures = Annotated[
    list[str],
    typer.Option(
        "--figures", metavar="GLOB", help="Show figures (metrics) whose EVALUATION.FIGURE matches; repeatable."
    ),
]
Plots = Annotated[
    list[str],
    typer.Option("--plot", metavar="X:Y", help="Plot one EVALUATION.FIGURE against another; repeatable."),
]
FiguresOf = Annotated[
    list[str],
    typer.Option(
        "--figures-of",
        metavar="EVALUATION",
        help="Write pictures of this evaluation, one row per recipe, as PNG and PDF; repeatable.",
    ),
]
Rank = Annotated[
    list[str],
    typer.Option(
        "--rank",
        metavar="EVALUATION.FIGURE",
        help="Rank rows by this figure (metric); if repeated, by the mean of the ranks.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="NAME", help="Test each row against this recipe, not against the best."),
]
OnlyFinished = Annotated[bool, typer.Option("--only-finished", help="Train nothing; show finished runs.")]
TableName = Annotated[str | None, typer.Option("--name", help="Name of the table and its folder.")]
On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="here|local[:N]|…",
        help="Where to train: `here` in this process, or `local:N` N runs at a time.",
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option("--gpus", metavar="SHARE", help="Share of a GPU for each run, such as 0.25; not with `here`."),
]


@takes_choices("seed", "tensorboard", "continue_from", "allow_other_processes")
def table(
    recipes: Recipes,
    seeds: Seeds = None,
    overrides: Overrides = [],  # noqa: B006  typer reads the default and never changes it
    figures: Figures = [],  # noqa: B006
    plots: Plots = [],  # noqa: B006
    figures_of: FiguresOf = [],  # noqa: B006
    rank: Rank = [],  # noqa: B006
    against: Against = None,
    only_finished: OnlyFinished = False,
    name: TableName = None,
    on: On = "here",
    gpus: Gpus = None,
    *,
    choices: Choices,
) -> None:
    """Train recipes with several seeds, and write one table.

    Each recipe is a row: the mean and standard deviation over its seeds. The same command resumes stopped runs, and
    keeps finished ones.
    """
    from semreg.tables.growing import Wanted
    from semreg.tables.making import make_table
    from semreg.tables.plots import plots_of

    command = shlex.join(["semreg", *sys.argv[1:]])
    wanted = Wanted(
        tuple(figures), against, only_finished, name, command, plots_of(plots), rank=tuple(rank),
        figures_of=tuple(figures_of), on=on, gpus=gpus,
    )  # fmt: skip
    print_table(make_table(recipes, overrides, seeds, wanted, choices), written=True)


def print_table(made: MadeTable, *, written: bool) -> None:
    """Print a table and the paths of its files. Raises typer.Exit if a run failed."""
    echo_table(made, written=written)
    if made.grid.failed:
        raise typer.Exit(1)


def echo_table(made: MadeTable, *, written: bool) -> None:
    """Print a table and the paths of its files."""
    from semreg.tables.pages import MARKDOWN, PAGE, text_of

    if in_first_process():
        echo((made.folder / MARKDOWN).read_text("utf-8") if written else text_of(made.grid), nl=False)
        for file in (MARKDOWN, PAGE) if written else ():
            say(f"table: {made.folder / file}")
