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
            help="Part to remove: right-half or bottom-half; eyes or nose-mouth (of faces aligned as in CelebA); or an "
            "image, white in that part. semreg crops and resizes this image as IMG.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Class of the image, if the run's networks need it."),
    ] = None,
    out: PictureFile = Path("inpainted.png"),
    only: Only = False,
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Remove a part of an image, and fill it in.

    The picture shows the image, the image without the part, and the result. Inside the part the result shows what the
    run reconstructs from the rest; outside it shows the image itself. The run must reconstruct images, as
    recipes/gm_mnist.toml and gm_faces.toml do.

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
