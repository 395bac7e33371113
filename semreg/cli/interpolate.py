"""`semreg interpolate`: the command line of `semreg.trained.interpolate`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from semreg.cli.helpers import file_kind, trained
from semreg.cli.options import DataRoot, Device, RunFolder, Runs, ScaleOfAll
from semreg.cli.output import echo
from semreg.core import UserError

First = Annotated[Path, typer.Argument(metavar="A", help="An image of any size.", show_default=False)]
Last = Annotated[Path, typer.Argument(metavar="B", help="Another one.", show_default=False)]


def interpolate(
    run: RunFolder,
    a: First,
    b: Last,
    steps: Annotated[int, typer.Option("--steps", min=2, help="How many images, both ends included.")] = 10,
    interpolator: Annotated[
        str | None,
        typer.Option("--interpolator", metavar="NAME", help="As linear or spherical; the recipe's if left out."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="A .png for the strip, a .gif, or a folder for single images.")
    ] = Path("interpolation.png"),
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Make the images on the way from one image to another.

    The two images are encoded, and each image between them is decoded from a code between theirs; the first and the
    last show what the run makes of the two images themselves. The recipe's own interpolator has the options of its
    [model], any other its defaults; with others write it as a recipe does: '{ use = "spherical", norm =
    "interpolated" }'. Those that follow classes, as geodesic, need the run's training data where they have other
    options, all others none.

    From Python: semreg.trained.interpolate.
    """
    kind, chosen = file_kind(out, ".png", ".gif"), _choice(interpolator)
    from semreg.pictures import gif, image_grid, write_picture
    from semreg.trained import interpolating
    from semreg.trained.images import load_images, write_images

    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        ends = load_images(opened, [a, b])
        images = interpolating.interpolate(opened, ends[:1], ends[1:], steps=steps, interpolator=chosen)[0]
        value_range = opened.plan.value_range
        if kind == ".png":
            write_picture(out, image_grid("", [images], value_range=value_range, scale=scale).png)
        elif kind == ".gif":
            write_picture(out, gif(list(images), value_range, scale=scale))
        else:
            width = len(str(steps - 1))
            names = [f"{number:0{width}d}.png" for number in range(steps)]
            write_images(out, dict(zip(names, images, strict=True)), opened, scale=scale or 1)
    echo(f"images: {out}")


def _choice(text: str | None) -> str | dict[str, Any] | None:
    """An interpolator's name, or the table that a text in braces is."""
    if text is None or not text.startswith("{"):
        return text
    try:
        return dict(tomllib.loads(f"choice = {text}")["choice"])
    except tomllib.TOMLDecodeError as error:
        raise UserError("--interpolator", f"{text!r} is no table as in a recipe: {error}") from None
