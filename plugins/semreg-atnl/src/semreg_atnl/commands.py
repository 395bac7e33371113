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
    label: Annotated[str, typer.Option("--class", metavar="NAME", help="A class, by name or number.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.", show_default=False)],
    count: Annotated[int, typer.Option("--count", min=1, help="How many images.")] = 100,
    seed: Seed = 0,
    scale: Scale = 1,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Make new images of one class, to train a classifier on.

    They are samples of the class where samples are of classes, as with a Gaussian-mixture prior. Otherwise they lie
    between training images: of the class's two neighbours if the recipe leaves it a few shots, or else of the class
    itself; then the training data are needed.

    The images go to OUT/CLASS/augmented-SEED-NUMBER.png, where the data set image_folder, or torchvision's ImageFolder,
    finds them; nothing else in the folder is changed.

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
