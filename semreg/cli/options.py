"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file (.toml).", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its name.", show_default=False)]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; may be repeated.")
]
DataRoot = Annotated[Path, typer.Option("--data-root", envvar="SEMREG_DATA", help="Where the data sets are.")]
Out = Annotated[Path, typer.Option("--out", help="The folder of all runs.")]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda[:n]", help="Where to compute.")]
Precision = Annotated[str, typer.Option("--precision", metavar="fp32|bf16", help="Of the networks.")]
NoFallback = Annotated[
    bool, typer.Option("--no-fallback", help="Stop if the data are missing, instead of using the recipe's fallback.")
]
SkipBadImages = Annotated[
    bool, typer.Option("--skip-bad-images", help="Leave out, and count, images that can't be read.")
]
Runs = Annotated[Path, typer.Option("--runs", help="The folder of all runs.")]
Seed = Annotated[int, typer.Option("--seed", help="Of all draws.")]
Scale = Annotated[int, typer.Option("--scale", metavar="N", min=1, help="Enlarge each pixel to N × N, unsmoothed.")]
ScaleOfAll = Annotated[
    int | None,
    typer.Option("--scale", metavar="N", min=1, help="Each pixel N × N large; single images as they are if left out."),
]
Image = Annotated[Path, typer.Argument(metavar="IMG", help="An image of any size.", show_default=False)]
PictureFile = Annotated[Path, typer.Option("--out", metavar="FILE.png", help="The picture to write.")]
Only = Annotated[bool, typer.Option("--only", help="Only the result, without what it was made of.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def folder_of(run: Path, runs: Path) -> Path:
    """A run by its folder, or by its name in the folder of all runs; where neither is there, a bare name is a name."""
    named = (runs / run).exists() or len(run.parts) == 1
    return runs / run if named and not run.exists() else run
