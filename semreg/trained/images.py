"""Your own images as inputs of a trained run, and its outputs as files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from semreg.core import ImageField, Problem, UserError
from semreg.core.errors import MOST_PROBLEMS
from semreg.data.files import Listing, list_folder
from semreg.data.formats import unread
from semreg.data.images import read_image
from semreg.pictures.files import ADVICE, png, write_picture
from semreg.store.disk import write_files, writing
from semreg.trained.in_memory import as_read, scaled
from semreg.trained.run import Run


def image_field(run: Run) -> tuple[str, ImageField]:
    """Return the name and the shape of the images that a run reads. Raises UserError if it reads none."""
    for name, field in run.fields.items():
        if isinstance(field, ImageField):
            return name, field
    raise UserError(str(run.folder), "this run reads no images")


def load_images(run: Run, paths: Sequence[str | Path]) -> Tensor:
    """Read image files as inputs of a run, `(paths, channels, height, width)` in its recipe's range.

    They become grey or coloured as the run's data, from any size and any format that `semreg.data.images` reads:
    upright, the largest central part of the data's shape, resized; with the background and the white of its data.
    Raises UserError, naming every unreadable file.
    """
    _, field = image_field(run)
    found, problems = [], []
    size, how = (field.height, field.width), as_read(run)
    for path in paths:
        try:
            found.append(read_image(path, size=size, channels=field.channels, **how))
        except UserError as error:
            problems.append(Problem(error.source, error.problems[0].message))
            if len(problems) == MOST_PROBLEMS:
                break
    if problems:
        raise UserError("images", problems)
    return scaled(found, field, run.value_range)


def images_in(folder: str | Path) -> list[str]:
    """Return the images below a folder, at any depth, as relative paths; numbers in names sort as numbers: 2 before 10.

    Raises UserError if there is no such folder, no image in it, or a link that leads out of it.
    """
    return list(images_and_others(folder).images)


def images_and_others(folder: str | Path) -> Listing:
    """Return the images below a folder, in the order of `images_in`, and counts of other files. Raises
    UserError, too."""
    if not Path(folder).is_dir():
        raise UserError(str(folder), "there is no such folder")
    images, others = list_folder(Path(folder))
    if not images:
        said = "; ".join(["this folder holds no images", *unread(others)])
        raise UserError(str(folder), said)
    return Listing({name: images[name] for name in sorted(images, key=_natural)}, others)


def write_image(path: str | Path, image: Tensor, run: Run, *, scale: int = 1) -> None:
    """Write an image `(channels, height, width)` of a run as a PNG, each pixel `scale` × `scale` large, unsmoothed.

    The file is written completely or not at all; missing folders are made. Raises CannotWrite, ValueError for another
    shape.
    """
    write_picture(path, png(image, run.value_range, scale=scale))


def write_images(folder: str | Path, images: Mapping[str, Tensor], run: Run, *, scale: int = 1) -> None:
    """Write images, as `write_image` does, by their paths in a folder: all of them or none.

    Other files in the folder stay. Raises CannotWrite, ValueError for another shape.
    """
    files = {name: png(image, run.value_range, scale=scale) for name, image in images.items()}
    with writing(Path(folder), ADVICE):
        write_files(Path(folder), files)


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"([0-9]+)", name)
    ]
