"""`semreg mix`: the command line of additions to a recipe."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.options import (
    DataRoot,
    Device,
    NoFallback,
    Out,
    Overrides,
    Precision,
    RecipePath,
    SkipBadImages,
)
from semreg.cli.table import Figures, OnlyFinished, Plots, Seeds, TableName, print_table
from semreg.core.rank import in_first_process

With = Annotated[
    list[str],
    typer.Option(
        "--with",
        metavar="ADDITION,...",
        help="One to three: losses.NAME, of the code and its classes; losses.NAME=WEIGHT; losses.NAME(INPUTS)=WEIGHT; "
        "a partial recipe's path, from here or the recipe's folder.",
        show_default=False,
    ),
]


def mix(
    recipe: RecipePath,
    additions: With,
    table: Annotated[
        bool,
        typer.Option(
            "--table", help="Also write a page, Markdown and JSON, and a recipe for each mix; else only print."
        ),
    ] = False,
    epochs: Annotated[int, typer.Option("--epochs", help="Of every phase.")] = 1,
    share: Annotated[float, typer.Option("--share", help="Of the training images.")] = 0.1,
    code: Annotated[
        str | None, typer.Option("--code", metavar="TENSOR", help="That carries the class, if the recipe doesn't tell.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="FIELD", help="Of classes, if the recipe doesn't tell.")
    ] = None,
    seeds: Seeds = None,
    overrides: Overrides = [],  # noqa: B006  typer reads the default and never changes it
    figures: Figures = [],  # noqa: B006
    plots: Plots = [],  # noqa: B006
    only_finished: OnlyFinished = False,
    name: TableName = None,
    device: Device = "auto",
    precision: Precision = "fp32",
    data_root: DataRoot = Path("data"),
    out: Out = Path("runs"),
    no_fallback: NoFallback = False,
    skip_bad_images: SkipBadImages = False,
) -> None:
    """Rank additions to a recipe, each trained for a short while.

    The recipe itself, each addition alone and each pair are trained at an equal budget and ranked by a linear probe on
    the code, what the other codes leak of the class, semantic order, and the error of reconstructions; what the recipe
    can't have is left out and said. What is finished stays, and the same command goes on. So short a training says
    little: take the ranking for a hint of what to train in full. Options of an added loss: --set losses.NAME.KEY=VALUE.
    """
    import semreg

    made = semreg.mix(
        recipe,
        additions,
        epochs=epochs,
        share=share,
        code=code,
        label=label,
        seeds=seeds,
        overrides=overrides,
        figures=figures,
        plots=plots,
        only_finished=only_finished,
        name=name,
        command=shlex.join(["semreg", *sys.argv[1:]]),
        table=table,
        device=device,
        precision=precision,
        data_root=data_root,
        out=out,
        fallback=not no_fallback,
        skip_bad_images=skip_bad_images,
    )
    if table and in_first_process():
        typer.echo(f"recipes: {made.folder / '*.toml'}", err=True)
    print_table(made, written=table)
