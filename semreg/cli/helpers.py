"""What commands share that use a trained run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from semreg.cli.output import echo
from semreg.core import UserError
from semreg.store.messages import say
from semreg.store.names import folder_of

if TYPE_CHECKING:
    from torch import Tensor

    from semreg.trained.run import Run

__all__ = ["echo", "file_kind", "require_png", "say", "trained", "write_beside"]

ENOUGH = 256
"""Pixels to which the sides of a few images beside each other are enlarged."""


@contextlib.contextmanager
def trained(run: Path, *, runs: Path, data_root: Path, device: str) -> Iterator[Run]:
    """A run that is trained to its end, by its folder or its name in `runs`; its data are read only if asked for.

    What it refuses inside by a ValueError, and memory that runs out, become a UserError.
    """
    from semreg.core.memory import out_of_memory
    from semreg.trained.opening import open_trained

    opened = open_trained(folder_of(run, runs), data_root=data_root, device=device)
    try:
        yield opened
    except ValueError as error:
        raise UserError(str(opened.folder), str(error)) from error
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise UserError(str(opened.folder), "memory ran out; use fewer images at a time") from error


def file_kind(out: Path, *endings: str) -> str | None:
    """Which of the endings a file to be written has; None for a folder, which is there, or has no ending if there are
    any. Raises UserError for another file."""
    ending = out.suffix.lower()
    if ending in endings and not out.is_dir():
        return ending
    if out.is_file() or (ending and endings and not out.is_dir()):
        kinds = " or ".join([", ".join(f"a {ending}" for ending in endings), "a folder"][not endings :])
        raise UserError("--out", f"{out} can't be written; expected {kinds}")
    return None


def require_png(out: Path) -> None:
    """Raises UserError if a picture to be written is not called .png, or is a folder."""
    if out.suffix.lower() != ".png" or out.is_dir():
        raise UserError("--out", f"{out} doesn't end in .png, or is a folder")


def write_beside(out: Path, images: Mapping[str, Tensor], run: Run, *, only: bool, scale: int | None) -> None:
    """Write images `(channels, height, width)` side by side under their names, or `only` the last of them.

    Pixels are drawn `scale` × `scale` large: by default those of several images so that they can be looked at, those of
    one as they are. Raises CannotWrite, ValueError for images of differing shapes.
    """
    from semreg.pictures import image_grid, write_picture
    from semreg.trained.images import write_image

    *_, last = images.values()
    if only:
        write_image(out, last, run, scale=scale or 1)
    else:
        enough = max(1, ENOUGH // max(last.shape))
        grid = image_grid(
            "", [list(images.values())], column_labels=list(images), value_range=run.plan.value_range,
            scale=scale or enough,
        )  # fmt: skip
        write_picture(out, grid.png)
    echo(f"image: {out}")
