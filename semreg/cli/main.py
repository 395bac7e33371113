"""The command line. Each command imports the modules that it needs when it runs: lists must appear without PyTorch."""

from __future__ import annotations

import shlex
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.cache import cache
from semreg.cli.commands import HELP, Commands, PrintingCommand, QuickCommand
from semreg.cli.compare import compare
from semreg.cli.completion import kind_names
from semreg.cli.doctor import doctor, faster
from semreg.cli.export import export
from semreg.cli.init import init
from semreg.cli.listing import Components, components
from semreg.cli.mix import mix
from semreg.cli.new_plugin import new_plugin
from semreg.cli.options import (
    AsJson,
    DataRoot,
    Device,
    JudgeOn,
    Out,
    Overrides,
    OwnRun,
    RecipeName,
    takes_choices,
)
from semreg.cli.output import echo, echo_json, take_over
from semreg.cli.plugins import plugins
from semreg.cli.recipes import cp, diff, recipes
from semreg.cli.runs import runs
from semreg.cli.show import show
from semreg.cli.sweep import sweep
from semreg.cli.table import table
from semreg.cli.track import track
from semreg.cli.unreadable_metadata import pass_over_unreadable
from semreg.core import UserError, closest, printable
from semreg.core.kinds import KINDS
from semreg.core.registry import Component
from semreg.core.version import __version__
from semreg.running.choices import Choices
from semreg.running.garbage import uncollected
from semreg.store.messages import in_first_process, say
from semreg.store.names import folder_of

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing the library of its boxes takes as long as everything else in --help
    context_settings=HELP,
    help="Train and use autoencoders whose latent space has a meaning. A recipe (a TOML file) says what to train. "
    "Start with `semreg recipes` and `semreg run vae_digits`.",
)


def main() -> None:
    """Run the console script `semreg`."""
    take_over()
    warnings.formatwarning = lambda message, *_, **__: f"warning: {printable(str(message))}\n"
    pass_over_unreadable()
    app(prog_name="semreg")


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"semreg {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None: ...


@app.command()
@takes_choices()
def run(
    recipe: RecipeName,
    overrides: Overrides = [],  # noqa: B006  typer reads the default and never changes it
    of: Annotated[
        Path | None, typer.Option("--of", help="Original file of this recipe, which a grid copied.", hidden=True)
    ] = None,
    command: Annotated[str, typer.Option("--command", help="Command to keep in the run's record.", hidden=True)] = "",
    *,
    choices: Choices,
) -> None:
    """Train a recipe, evaluate the run, and write its report.

    The same command resumes a stopped run, and adds new evaluations to a finished one. To train a finished run for
    more epochs, raise the recipe's epochs and name the run by --continue.
    """
    with uncollected():
        from semreg.recipe.load import load_recipe
        from semreg.running.start import run_recipe
        from semreg.store.recipes import kept_as

    command = command or shlex.join(["semreg", *sys.argv[1:]])
    if of is None:
        finished = run_recipe(load_recipe(recipe, overrides), choices, command)
    else:
        from semreg.tables.executors.trials import folder_of, refusal_kept

        with refusal_kept(Path(recipe)):
            place = folder_of(Path(recipe))
            finished = run_recipe(load_recipe(recipe, overrides, of=of), choices, command, folder=place)
    kept = kept_as(finished.plan.name, choices.judge_on)
    if in_first_process():
        _print_report(finished.folder, kept)
    _exit_if_failed(finished.folder, kept)


app.command()(table)
app.command()(sweep)
app.command()(compare)
app.command()(mix)
app.command()(track)
app.command()(export)
app.command(cls=QuickCommand)(plugins)
app.command()(init)
app.command(name="new-plugin")(new_plugin)
app.command(cls=QuickCommand)(recipes)
app.command()(cp)
app.command(cls=PrintingCommand)(diff)
app.command(cls=PrintingCommand)(show)
app.command(cls=PrintingCommand)(doctor)
app.add_typer(runs, name="runs")
app.add_typer(cache, name="cache")


@app.command(cls=PrintingCommand)
def check(
    recipe: RecipeName,
    overrides: Overrides = [],  # noqa: B006
    data_root: DataRoot = Path("data"),
    no_fallback: Annotated[bool, typer.Option("--no-fallback", help="Don't check the recipe's fallback data.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a recipe, its data and its judges without training.

    The command reports all errors at once. It prints which losses train which modules, and which data it found. A judge
    is a classifier that evaluations use.
    """
    from semreg.recipe.check import check_all
    from semreg.recipe.load import load_recipe
    from semreg.recipe.matrix import text
    from semreg.running.judges import check_judges
    from semreg.trained.data_summary import data_summary
    from semreg.training.trial import check_by_dry_run

    plan = check_all(load_recipe(recipe, overrides), data_root=data_root, fallback=not no_fallback)
    plan.warnings += check_by_dry_run(plan)
    data = data_summary(plan)
    plan.warnings += data.warnings
    check_judges(plan, Choices(data_root=data_root))
    if not as_json:
        echo(text(plan, data.lines))
        echo("\nhere: " + "; ".join(f"{name}: {found}" for name, found in faster().items()))
        if plan.missing is not None:
            first = plan.missing.text().splitlines()[0].removesuffix(".")
            instead = "; `semreg run` uses the recipe's fallback" if plan.recipe.has_fallback else ""
            say(f"warning: {first}{instead}")
        for warning in plan.warnings:
            say(f"warning: {warning}")
        return
    echo_json(
        {
            "recipe": recipe,
            "name": plan.name,
            "data": {"use": plan.data.use, "found": plan.fallback or plan.missing is None, "fallback": plan.fallback},
            "distributions": plan.distributions(),
            "modules": {name: module.node.name for name, module in plan.modules.items()},
            "tensors": {name: str(value) for name, value in plan.tensors.items()},
            "losses": {name: str(node) for name, node in plan.losses.items()},
            "evaluations": {name: str(evaluation.node) for name, evaluation in plan.evaluations.items()},
            "comparisons": {name: str(comparison.node) for name, comparison in plan.comparisons.items()},
            "phases": plan.matrix(),
            "warnings": plan.warnings,
            "taken": data.taken,
            "here": faster(),
        }
    )


@app.command(name="list", cls=QuickCommand)
def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help=f"One of: {', '.join(KINDS)}.", autocompletion=kind_names),
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown", help="Import the components, and print tables with options, documentation and source."
        ),
    ] = False,
    search: Annotated[
        str | None,
        typer.Option(
            "--search", metavar="WORDS", help="List components whose name or documentation has all these words."
        ),
    ] = None,
) -> None:
    """List the installed components without importing them."""
    found = components(_kind(kind))
    if search is not None:
        from semreg.cli.searching import search as matches_of
        from semreg.cli.searching import table as text_of

        matches = matches_of(found, search)
        found = Components(match.component for match in matches)
        if not (markdown or as_json):
            echo(text_of(matches))
            return
    if markdown:
        from semreg.cli.markdown import as_markdown

        if as_json:
            raise UserError("", "--markdown and --json exclude each other; choose one")
        text, problems = as_markdown(found)
        echo(text, nl=False)
        for problem in problems:
            say(f"warning: {problem}")
    elif as_json:
        echo_json([_as_dictionary(component) for component in found])
    else:
        echo(repr(found))


@app.command(name="evaluate")
def evaluate_run(
    run: OwnRun,
    only: Annotated[
        list[str], typer.Option("--only", metavar="NAME", help="Repeat only this evaluation; repeatable.")
    ] = [],  # noqa: B006
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", metavar="RECIPE", help="Run the evaluations of this recipe; its training must equal the run's."
        ),
    ] = None,
    overrides: Overrides = [],  # noqa: B006
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove results of evaluations that the run's recipes no longer name.")
    ] = False,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    out: Out = Path("runs"),
    judge_on: JudgeOn = "test",
) -> None:
    """Repeat a run's evaluations, and rewrite its report.

    With --recipe or --set, the command runs the evaluations that the run lacks. It never trains the run.
    """
    from semreg.recipe.names import find_recipe
    from semreg.running.evaluate import evaluate
    from semreg.store.recipes import kept_as, own_name

    folder = folder_of(run, out)
    evaluate(
        folder, only or None, recipe=recipe, overrides=overrides, prune=prune, device=device, data_root=data_root,
        judge_on=judge_on,
    )  # fmt: skip
    kept = kept_as(find_recipe(recipe).stem if recipe else own_name(folder), judge_on)
    _print_report(folder, kept)
    _exit_if_failed(folder, kept)


@app.command()
def report(run: OwnRun, out: Out = Path("runs")) -> None:
    """Rewrite a run's report from the files in its folder."""
    from semreg.report.writing import write_report
    from semreg.store.recipes import recipes_of

    folder = folder_of(run, out)
    for kept in recipes_of(folder):
        write_report(folder, kept)
        _print_report(folder, kept)


def _kind(word: str | None) -> str | None:
    """Return a kind, given its name or its plural, as in its entry-point group."""
    plurals = {kind.group.split(".", 1)[1]: kind.name for kind in KINDS.values()}
    if word is None or word in KINDS:
        return word
    if word not in plurals:
        raise UserError("", f"no kind of component is called {word!r}{closest(word, KINDS)}")
    return plurals[word]


def _as_dictionary(component: Component) -> dict[str, str]:
    names = ("kind", "name", "distribution", "version", "target")
    return {name: getattr(component, name) for name in names}


def _exit_if_failed(folder: Path, kept: str) -> None:
    """Raise typer.Exit with code 1 if evaluations of a recipe failed; each printed its error when it failed."""
    from semreg.store.recipes import failures_of

    failed = failures_of(folder, kept)
    if failed:
        if in_first_process():
            again = f"the same command tries {'it' if len(failed) == 1 else 'them'} again"
            say(f"{folder}: finished, {_counted(len(failed), 'evaluation')} failed; {again}")
        raise typer.Exit(1)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _print_report(folder: Path, kept: str) -> None:
    from semreg.store.recipes import report_path

    path = report_path(folder, kept)
    if path.is_file():  # else a message has explained why it is missing
        echo(f"report: {path}")
