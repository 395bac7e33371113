"""The command of this distribution; it imports its needs when it is called, so that its help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import require_png, trained, write_beside
from semreg.cli.options import DataRoot, Device, Image, Only, PictureFile, RunFolder, Runs, ScaleOfAll


def transfer(
    run: RunFolder,
    image: Image,
    source: Annotated[
        Path, typer.Option("--from", metavar="OTHER", help="Image to take the attributes from.", show_default=False)
    ],
    attributes: Annotated[
        str,
        typer.Option(
            "--attributes",
            metavar="NAME,...",
            help="Attributes to take, such as expression,illumination.",
            show_default=False,
        ),
    ],
    out: PictureFile = Path("transfer.png"),
    only: Only = False,
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Give an image some attributes of another image.

    The picture shows the image, the other image and the result. semreg decodes the result from the codes of the image,
    in which it exchanges the named attributes' codes for those of the other image. The run must have one code per
    attribute, as recipes/uniform_multipie.toml trains it.

    From Python: semreg_uniform.transferring.transfer.
    """
    require_png(out)
    from semreg.trained import load_images
    from semreg_uniform.transferring import transfer

    names = [name.strip() for name in attributes.split(",") if name.strip()]
    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        images = load_images(opened, [image, source])
        [made] = transfer(opened, images[:1], images[1:], names)
        shown = {"image": images[0], "other": images[1], "transferred": made}
        write_beside(out, shown, opened, only=only, scale=scale)
