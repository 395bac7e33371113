"""`semreg sample`: the command line of `semreg.trained.sample`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import file_kind, trained
from semreg.cli.options import DataRoot, Device, RunFolder, Runs, ScaleOfAll, Seed
from semreg.cli.output import echo

MOST_COLUMNS = 12


def sample(
    run: RunFolder,
    label: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Class to draw, by name or number; default: all classes in turn."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Number of images.")] = 16,
    out: Annotated[
        Path, typer.Option("--out", help="A .png file for all images, or a folder for single images.")
    ] = Path("samples.png"),
    seed: Seed = 0,
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Draw new images from a run's priors.

    If the recipe's [model] names a `sample`, this tensor holds the images; otherwise semreg draws codes from the priors
    and decodes them. You don't need the training data.

    From Python: semreg.trained.sample.
    """
    kind = file_kind(out, ".png")
    from semreg.pictures import image_grid, write_picture
    from semreg.trained import sampling
    from semreg.trained.images import write_images

    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        images = sampling.sample(opened, count, label=label, seed=seed)
        field = sampling.sampled_classes(opened)
        if kind == ".png":
            titles = [] if field is None or label is not None else list(field.names[:count])
            columns = len(titles) if 1 < len(titles) <= MOST_COLUMNS else min(MOST_COLUMNS, math.ceil(math.sqrt(count)))
            rows = [images[start : start + columns] for start in range(0, count, columns)]
            picture = image_grid(
                "",
                rows,
                column_labels=titles if len(titles) == columns else None,
                value_range=opened.plan.value_range,
                scale=scale,
            )
            write_picture(out, picture.png)
        else:
            width = len(str(count - 1))
            names = [f"{number:0{width}d}.png" for number in range(count)]
            write_images(out, dict(zip(names, images, strict=True)), opened, scale=scale or 1)
    echo(f"images: {out}")
