"""`semreg runs`: the runs as a collection; `semreg runs rm` removes some."""

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
    typer.Option("--figures", metavar="GLOB", help="Show figures by EVALUATION.FIGURE; may be repeated."),
]
OfRecipes = Annotated[
    list[str], typer.Option("--recipe", metavar="GLOB", help="Only runs of such recipes; may be repeated.")
]
States = Annotated[
    list[str],
    typer.Option(
        "--state", metavar="|".join(STATES), help="Only runs that are such; may be repeated.",
        autocompletion=lambda: list(STATES),
    ),
]  # fmt: skip
OnData = Annotated[
    list[str], typer.Option("--data", metavar="GLOB", help="Only runs on such data sets; may be repeated.")
]
Where = Annotated[
    list[str],
    typer.Option("--where", metavar="KEY=VALUE", help="Only runs whose recipe says so; may be repeated."),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort", metavar=f"FIGURE|{AGE}|{NAME}", help="By EVALUATION.FIGURE, the least first; runs without it last.",
        autocompletion=lambda: [AGE, NAME],
    ),
]  # fmt: skip
Names = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Names of runs, or globs of them in quotes.", show_default=False,
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
    reverse: Annotated[bool, typer.Option("--reverse", help="The youngest, last or largest first.")] = False,
    out: Out = Path("runs"),
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the runs under way until they end; Ctrl-C stops watching.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs, with how far they are; remove some."""
    from semreg.cli import run_list

    wanted = Selection(tuple(figures), tuple(recipes), tuple(states), tuple(data), tuple(where), sort, reverse)
    if context.invoked_subcommand is not None:
        if wanted != Selection() or watch or as_json or out != Path("runs"):
            message = f"options before it choose what is listed; `semreg runs {context.invoked_subcommand} --help`"
            raise UserError(f"semreg runs {context.invoked_subcommand}", f"{message} tells its own")
        return
    if watch and as_json:
        raise UserError("", "--watch draws for people, --json prints once for machines; choose one")
    (run_list.watch if watch else run_list.print_json if as_json else run_list.print_runs)(out, wanted)
    require_printed()


@runs.command("rm")
def remove(
    names: Names,
    force: Annotated[bool, typer.Option("--force", help="Remove also what other runs use.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    out: Out = Path("runs"),
) -> None:
    """Remove runs; none that is under way, or that others use.

    A run is removed with its whole folder. It uses others as judges of its evaluations, for `weights`, or to go on from
    (--continue). Where one of several can't be removed, none is.
    """
    from semreg.store.disk import tidy, writing
    from semreg.store.numbers import size
    from semreg.store.removing import doomed_runs, remove_run

    doomed = doomed_runs(names, out, force=force)
    if not dry_run:
        with writing(out, "mend that, and remove them again"):
            tidy(out)  # what a command that was killed left half removed
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
