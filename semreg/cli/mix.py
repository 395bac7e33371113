"""`semreg mix`: the command line of additions to a recipe."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from semreg.cli.options import Overrides, RecipeName, takes_choices
from semreg.cli.table import Figures, FiguresOf, Gpus, On, OnlyFinished, Plots, Seeds, TableName, print_table
from semreg.running.choices import Choices
from semreg.store.messages import in_first_process, say

With = Annotated[
    list[str],
    typer.Option(
        "--with",
        metavar="ADDITION,...",
        help="One to three: losses.NAME, of what [model] says; losses.NAME=WEIGHT; losses.NAME(INPUTS)=WEIGHT; "
        "a partial recipe, by name or path from here or the recipe's folder.",
        show_default=False,
    ),
]


@takes_choices("seed", "tensorboard", "continue_from", "allow_other_processes")
def mix(
    recipe: RecipeName,
    additions: With,
    table: Annotated[
        bool,
        typer.Option(
            "--table", help="Also write a page, Markdown and JSON, and a recipe for each mix; else only print."
        ),
    ] = False,
    epochs: Annotated[int, typer.Option("--epochs", help="Of every phase.")] = 1,
    share: Annotated[float, typer.Option("--share", help="Of the training images.")] = 0.1,
    label: Annotated[
        str | None, typer.Option("--label", metavar="FIELD", help="Of classes, where [model] has several attributes.")
    ] = None,
    seeds: Seeds = None,
    overrides: Overrides = [],  # noqa: B006  typer reads the default and never changes it
    figures: Figures = [],  # noqa: B006
    plots: Plots = [],  # noqa: B006
    figures_of: FiguresOf = [],  # noqa: B006
    only_finished: OnlyFinished = False,
    name: TableName = None,
    on: On = "here",
    gpus: Gpus = None,
    *,
    choices: Choices,
) -> None:
    """Rank additions to a recipe, each trained for a short while.

    The recipe itself, each addition alone and each pair are trained at an equal budget and ranked by a linear probe on
    the code, what the other codes leak of the class, semantic order, and the error of reconstructions; what the recipe
    can't have is left out and said. What is finished stays, and the same command goes on. So short a training says
    little: take the ranking for a hint of what to train in full. Options of an added loss: --set losses.NAME.KEY=VALUE.
    """
    from semreg.tables.growing import Wanted
    from semreg.tables.mixing.mix import Budget, make_mix
    from semreg.tables.plots import plots_of

    command = shlex.join(["semreg", *sys.argv[1:]])
    wanted = Wanted(
        tuple(figures), None, only_finished, name, command, plots_of(plots),
        figures_of=tuple(figures_of), written=table, on=on, gpus=gpus,
    )  # fmt: skip
    made = make_mix(recipe, additions, overrides, seeds, Budget(epochs, share), label, wanted, choices)
    if table and in_first_process():
        say(f"recipes: {made.folder / '*.toml'}")
    print_table(made, written=table)
