"""`semreg runs` lists runs; `semreg runs rm` removes some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.commands import command_group
from semreg.cli.completion import run_names
from semreg.cli.options import AsJson, Out
from semreg.cli.output import echo, require_printed
from semreg.core import Problem, UserError
from semreg.store.collection import AGE, NAME, STATES, Selection
from semreg.store.messages import say

runs = command_group()

Figures = Annotated[
    list[str],
    typer.Option(
        "--figures", metavar="GLOB", help="Show figures (metrics) whose EVALUATION.FIGURE matches; repeatable."
    ),
]
OfRecipes = Annotated[
    list[str], typer.Option("--recipe", metavar="GLOB", help="List runs of these recipes; repeatable.")
]
States = Annotated[
    list[str],
    typer.Option(
        "--state", metavar="|".join(STATES), help="List runs in this state; repeatable.",
        autocompletion=lambda: list(STATES),
    ),
]  # fmt: skip
OnData = Annotated[list[str], typer.Option("--data", metavar="GLOB", help="List runs on these data sets; repeatable.")]
Where = Annotated[
    list[str],
    typer.Option("--where", metavar="KEY=VALUE", help="List runs whose recipe has this value; repeatable."),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort", metavar=f"FIGURE|{AGE}|{NAME}", help="Order: oldest, first name or lowest figure first.",
        autocompletion=lambda: [AGE, NAME],
    ),
]  # fmt: skip
Names = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Names of runs, or quoted globs of names.", show_default=False,
        autocompletion=run_names,
    ),
]  # fmt: skip


@runs.callback()
def list_runs(
    context: typer.Context,
    figures: Figures = [],  # noqa: B006  typer reads the default and never changes it
    recipes: OfRecipes = [],  # noqa: B006
    states: States = [],  # noqa: B006
    data: OnData = [],  # noqa: B006
    where: Where = [],  # noqa: B006
    sort: Sort = AGE,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Reverse the order; runs without the figure stay last.")
    ] = False,
    out: Out = Path("runs"),
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the running runs until they end; Ctrl-C stops watching.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs and their progress; `rm` removes runs."""
    from semreg.cli import run_list

    wanted = Selection(tuple(figures), tuple(recipes), tuple(states), tuple(data), tuple(where), sort, reverse)
    if context.invoked_subcommand is not None:
        if wanted != Selection() or watch or as_json or out != Path("runs"):
            message = f"options before it choose what is listed; `semreg runs {context.invoked_subcommand} --help`"
            raise UserError(f"semreg runs {context.invoked_subcommand}", f"{message} lists its own")
        return
    if watch and as_json:
        raise UserError("", "--watch and --json exclude each other; choose one")
    (run_list.watch if watch else run_list.print_json if as_json else run_list.print_runs)(out, wanted)
    require_printed()


@runs.command("rm")
def remove(
    names: Names,
    force: Annotated[bool, typer.Option("--force", help="Also remove runs that other runs use.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what the command would remove, and remove nothing.")
    ] = False,
    out: Out = Path("runs"),
) -> None:
    """Remove runs that are not running and that no other run uses.

    The command removes whole folders. A run uses another one as the judge of an evaluation, for `weights`, or as the
    run that it continues. If the command can't remove one of the named runs, it removes none.
    """
    from semreg.store.disk import tidy, writing
    from semreg.store.numbers import size
    from semreg.store.removing import doomed_runs, remove_run

    doomed = doomed_runs(names, out, force=force)
    if not dry_run:
        with writing(out, "fix this, and repeat the command"):
            tidy(out)  # removes folders that a killed command left behind
    failed: list[Problem] = []
    for run in doomed:
        for use in run.used:
            say(f"warning: {run.folder.name} {use}")
        if dry_run:
            echo(f"would remove {run.folder} ({size(run.size)})")
            continue
        try:
            remove_run(run.folder)
            echo(f"removed {run.folder} ({size(run.size)})")
        except UserError as error:
            failed.append(Problem(str(run.folder), error.problems[0].message))
    if failed:
        raise UserError("not removed", failed)
