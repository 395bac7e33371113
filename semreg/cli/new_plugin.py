"""`semreg new-plugin`: the command line of the templates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.output import echo

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the component in recipes, or of the command.", show_default=False)
]
Kind = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="One of: loss, prior, encoder, decoder, interpolator, dataset, evaluation, comparison, critic, "
        "classifier, criterion, operation, sampler, hook, command.",
        show_default=False,
    ),
]


def new_plugin(
    context: typer.Context,
    name: Name,
    kind: Kind,
    out: Annotated[Path, typer.Option("--out", help="Folder in which to make the plugin's folder.")] = Path(),
) -> None:
    """Write a small plugin with tests and a recipe, to start from."""
    from semreg.scaffold.writing import write_plugin

    commands = context.parent.command.list_commands(context.parent) if context.parent else ()  # type: ignore[attr-defined]
    folder = write_plugin(name, kind, out, commands=commands)
    echo(f"{folder}: a plugin that works as it is; start with its README.md")
    echo(f'next: pip install -e "{folder}[test]" && pytest {folder}')
