"""The command of this distribution; it imports its needs when it is called, so that its help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import require_png, trained, write_beside
from semreg.cli.options import DataRoot, Device, Image, Only, PictureFile, RunFolder, Runs, ScaleOfAll
from semreg.core import UserError


def inpaint(
    run: RunFolder,
    image: Image,
    mask: Annotated[
        str,
        typer.Option(
            "--mask",
            metavar="NAME|FILE",
            help="right-half or bottom-half; eyes or nose-mouth, of faces aligned as CelebA's; or an image that is "
            "white where IMG is taken away, of any size, cropped and resized as IMG is.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="The image's class, if the run must be told.")
    ] = None,
    out: PictureFile = Path("inpainted.png"),
    only: Only = False,
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Take a part of an image away, and fill it in.

    Written are the image, what the run sees of it and the result: inside the part what the run makes of the rest,
    outside the image as it was. The run reconstructs images, as recipes/gm_mnist.toml and gm_faces.toml train it.

    From Python: semreg_gmprior.inpainting.inpaint.
    """
    require_png(out)
    from semreg.trained import load_images
    from semreg_gmprior.evaluations.masks import mask_of
    from semreg_gmprior.inpainting import inpaint

    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        images = load_images(opened, [image])
        try:
            _, part = mask_of(mask, *images.shape[-2:])
        except ValueError as error:
            raise UserError("--mask", str(error)) from None
        made = inpaint(opened, images, part, label=label)
        shown = {"image": images[0], "masked": made.masked[0], "filled in": made.filled[0]}
        write_beside(out, shown, opened, only=only, scale=scale)
