"""`semreg table`: the command line of a grid."""

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

Recipes = Annotated[list[str], typer.Argument(metavar="RECIPE...", help="Recipes' names or files.", show_default=False)]
Seeds = Annotated[
    str | None,
    typer.Option("--seeds", metavar="N|S,S,...", help="The first N from 0, or these; each recipe's own if left out."),
]
Figures = Annotated[
    list[str],
    typer.Option("--figures", metavar="GLOB", help="Show figures by EVALUATION.FIGURE; may be repeated."),
]
Plots = Annotated[
    list[str],
    typer.Option("--plot", metavar="X:Y", help="Draw one EVALUATION.FIGURE against another; may be repeated."),
]
FiguresOf = Annotated[
    list[str],
    typer.Option(
        "--figures-of", metavar="EVALUATION", help="Write its pictures over the rows as PNG and PDF; may be repeated."
    ),
]
Rank = Annotated[
    list[str],
    typer.Option("--rank", metavar="EVALUATION.FIGURE", help="Rank rows by it, or by the mean rank over several."),
]
Against = Annotated[
    str | None, typer.Option("--against", metavar="NAME", help="Test rows against this recipe, not the best.")
]
OnlyFinished = Annotated[bool, typer.Option("--only-finished", help="Train nothing; show what is finished.")]
TableName = Annotated[str | None, typer.Option("--name", help="Of the table and its folder.")]
On = Annotated[
    str, typer.Option("--on", metavar="here|local[:N]|…", help="Where runs are made: in this process, or N at once.")
]
Gpus = Annotated[
    float | None, typer.Option("--gpus", metavar="SHARE", help="Of a GPU for each run, such as 0.25; not for `here`.")
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
    """Run recipes by seeds into one table; what is finished stays."""
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
    """Print a table, and where it was written. Raises typer.Exit if a run failed."""
    echo_table(made, written=written)
    if made.grid.failed:
        raise typer.Exit(1)


def echo_table(made: MadeTable, *, written: bool) -> None:
    """Print a table, and where it was written."""
    from semreg.tables.pages import MARKDOWN, PAGE, text_of

    if in_first_process():
        echo((made.folder / MARKDOWN).read_text("utf-8") if written else text_of(made.grid), nl=False)
        for file in (MARKDOWN, PAGE) if written else ():
            say(f"table: {made.folder / file}")
