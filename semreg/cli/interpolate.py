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

First = Annotated[Path, typer.Argument(metavar="A", help="First image, of any size.", show_default=False)]
Last = Annotated[Path, typer.Argument(metavar="B", help="Last image, of any size.", show_default=False)]


def interpolate(
    run: RunFolder,
    a: First,
    b: Last,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Number of images, both ends included.")] = 10,
    interpolator: Annotated[
        str | None,
        typer.Option(
            "--interpolator", metavar="NAME", help="Interpolator, such as linear or spherical; default: the recipe's."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="A .png file for a strip, a .gif file, or a folder for single images.")
    ] = Path("interpolation.png"),
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Make the images on the path from one image to another.

    semreg encodes both images, and decodes codes on the path between their codes. The first and the last image are the
    run's reconstructions of A and B. The recipe's interpolator has the options that [model] gives it; others have
    their default options. To set options, write the interpolator as in a recipe:
    '{ use = "spherical", norm = "interpolated" }'. Interpolators that follow classes, such as geodesic, need the
    training data if their options differ from the recipe's.

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
    """Return the name of an interpolator, or the table that a text in braces describes."""
    if text is None or not text.startswith("{"):
        return text
    try:
        return dict(tomllib.loads(f"choice = {text}")["choice"])
    except tomllib.TOMLDecodeError as error:
        raise UserError("--interpolator", f"{text!r} is not a table as in a recipe: {error}") from None
