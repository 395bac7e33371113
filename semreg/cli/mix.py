"""`semreg mix`: the command line that compares additions to a recipe."""

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
        help="One to three additions, each a loss or a partial recipe. A loss is losses.NAME, losses.NAME=WEIGHT or "
        "losses.NAME(INPUTS)=WEIGHT; without INPUTS, [model] gives them. A partial recipe is a name or a path.",
        show_default=False,
    ),
]


@takes_choices("seed", "tensorboard", "continue_from", "allow_other_processes")
def mix(
    recipe: RecipeName,
    additions: With,
    table: Annotated[
        bool,
        typer.Option("--table", help="Also write an HTML page, Markdown, JSON, and a recipe for each mix."),
    ] = False,
    epochs: Annotated[int, typer.Option("--epochs", help="Number of epochs of every phase.")] = 1,
    share: Annotated[float, typer.Option("--share", help="Share of the training images.")] = 0.1,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="FIELD", help="Label to rank by, if [model] names several attributes."),
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
    """Train additions to a recipe for a short while, and rank them.

    The command trains the recipe itself, then the recipe with each addition and with each pair, all with the same
    budget. It ranks them by a linear probe on the code, by how much the other codes reveal of the class, by semantic
    order, and by the reconstruction error; it names the criteria that don't apply to the recipe. The same command
    resumes stopped runs, and keeps finished ones. Such short runs only hint at which additions deserve full training.
    To set an option of an added loss, use --set losses.NAME.KEY=VALUE.
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
