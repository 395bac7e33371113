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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
