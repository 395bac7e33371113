"""`semreg init`: the command line of `semreg.scaffold.starting`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.output import echo
from semreg.store.messages import say

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of the recipe; the command writes NAME.toml here.", show_default=False),
]
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="FOLDER|TABLE|NPZ",
        help="Folder of images, or of one folder per class; or table of images and labels (.csv); or archive (.npz).",
        show_default=False,
    ),
]
Like = Annotated[
    str | None,
    typer.Option("--like", metavar="RECIPE", help="Shipped recipe to start from; default: one that fits the data."),
]


def init(name: Name, data: Data, like: Like = None) -> None:
    """Write a recipe for your own images, and one for its judge.

    The judge is a classifier that evaluations use; only some recipes have one.
    """
    from semreg.scaffold.starting import start_recipe

    started = start_recipe(name, data, like)
    for line in started.said:
        say(line)
    path = shlex.quote(str(started.path))
    if started.bad:
        say(f"warning: {started.bad:,} of the images that init read are damaged; --skip-bad-images skips such images")
    echo(f"{path}: a recipe for these data, for you to change")
    echo(f"next: semreg check {path} && semreg run {path}{' --skip-bad-images' if started.bad else ''}")
