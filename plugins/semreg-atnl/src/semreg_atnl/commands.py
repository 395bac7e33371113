"""`semreg augment`: the command line of `semreg_atnl.augmentation.augment_class`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import echo, file_kind, say, trained
from semreg.cli.options import DataRoot, Device, RunFolder, Runs, Scale, Seed

FOLDER_NAME = re.compile(r"\w[\w .-]*")


def augment(
    run: RunFolder,
    label: Annotated[str, typer.Option("--class", metavar="NAME", help="Class of the new images, by name or number.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", show_default=False)],
    count: Annotated[int, typer.Option("--count", min=1, help="Number of images.")] = 100,
    seed: Seed = 0,
    scale: Scale = 1,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Make new images of one class, to train a classifier on.

    A run that can draw samples of one class, as with a Gaussian-mixture prior, draws them. Any other run interpolates
    between training images, and needs the training data: it takes images of the class's two neighbours if the recipe
    keeps only a few images of the class, and images of the class itself if not.

    The command writes OUT/CLASS/augmented-SEED-NUMBER.png, and changes nothing else in the folder. The data set
    image_folder and torchvision's ImageFolder read such folders.

    From Python: semreg_atnl.augmentation.augment_class.
    """
    file_kind(out)
    from semreg.trained import write_images
    from semreg_atnl.augmentation import augment_class

    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        made = augment_class(opened, label, count, seed=seed)
        folder = out / (made.name if FOLDER_NAME.fullmatch(made.name) else f"class-{made.value}")
        names = [f"augmented-{seed}-{number:05d}.png" for number in range(count)]
        write_images(folder, dict(zip(names, made.images, strict=True)), opened, scale=scale)
    say(f"class {made.name}: {count} {made.way}")
    echo(f"images: {folder}")
