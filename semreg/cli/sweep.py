"""`semreg sweep`: the command line that trains a recipe with many values of its keys."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import Annotated

import typer

from semreg.cli.completion import search_names
from semreg.cli.options import Overrides, RecipeName, takes_choices
from semreg.cli.table import Figures, FiguresOf, Gpus, On, OnlyFinished, Plots, Seeds, TableName, print_table
from semreg.core import UserError
from semreg.running.choices import Choices
from semreg.store.messages import in_first_process, say

Vary = Annotated[
    list[str],
    typer.Option(
        "--vary",
        metavar="KEY=VALUES",
        help="Values: [VALUE, VALUE] as in TOML, or LOW..HIGH[:log][:POINTS], 5 points by default; repeatable.",
        show_default=False,
    ),
]
Metric = Annotated[
    str, typer.Option("--metric", metavar="EVALUATION.FIGURE", help="Figure (metric) to rank by.", show_default=False)
]
Search = Annotated[
    str | None,
    typer.Option(
        "--search", metavar="NAME[:WORDS]", help="Search that chooses the values, such as optuna.", show_default=False,
        autocompletion=search_names,
    ),
]  # fmt: skip
Trials = Annotated[
    int | None,
    typer.Option("--trials", metavar="N", help="Number of combinations that the search tries.", show_default=False),
]


@takes_choices("seed", "tensorboard", "continue_from", "allow_other_processes", judge_on="validation")
def sweep(
    recipe: RecipeName,
    vary: Vary,
    metric: Metric,
    minimize: Annotated[
        bool, typer.Option("--minimize", help="Rank low figures first, if the evaluation doesn't say which are good.")
    ] = False,
    maximize: Annotated[
        bool, typer.Option("--maximize", help="Rank high figures first, if the evaluation doesn't say which are good.")
    ] = False,
    on_test_images: Annotated[
        bool, typer.Option("--on-test-images", help="Choose on test images; the page says so.")
    ] = False,
    search: Search = None,
    trials: Trials = None,
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
    context: typer.Context,
    choices: Choices,
) -> None:
    """Train a recipe with many values of its keys, and rank them.

    Each combination of values is a row. The table ranks the rows by one figure on validation images; the test images
    stay unseen until you have chosen. The same command resumes stopped runs, and keeps finished ones. At the end semreg
    names the best row, and prints the commands that evaluate this row on test images and train it for longer.
    """
    from semreg.recipe.load import load_recipe
    from semreg.tables.growing import Wanted
    from semreg.tables.plots import plots_of
    from semreg.tables.sweeping.sweep import make_sweep

    if minimize and maximize:
        raise UserError("--minimize, --maximize", "these contradict each other; leave one out")
    if on_test_images:
        source = context.get_parameter_source("judge_on")
        if choices.judge_on != "test" and source is not None and source.name == "COMMANDLINE":
            message = f"contradicts --judge-on {choices.judge_on}; leave one out"
            raise UserError("--on-test-images", message)
        choices = replace(choices, judge_on="test")
    command = shlex.join(["semreg", *sys.argv[1:]])
    wanted = Wanted(
        tuple(figures), None, only_finished, name, command, plots_of(plots), figures_of=tuple(figures_of),
        on=on, gpus=gpus,
    )  # fmt: skip
    higher = maximize if minimize or maximize else None
    made = make_sweep(load_recipe(recipe, overrides), vary, seeds, metric, higher, wanted, choices, search, trials)
    try:
        print_table(made, written=True)
    finally:
        for what, text in made.grid.going_on if in_first_process() else ():
            say(f"{what}: {text}")
