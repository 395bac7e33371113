"""Functions that the commands on a trained run share."""

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
"""Pixels: images side by side are enlarged to about this height and width."""


@contextlib.contextmanager
def trained(run: Path, *, runs: Path, data_root: Path, device: str) -> Iterator[Run]:
    """Open a finished run, by its folder or its name in `runs`; it reads its data only on demand.

    Raises UserError for a ValueError inside the context, and if memory runs out there.
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
    """Return the ending of a file that a command should write, or None for a folder.

    A path is a folder if one exists there, or if it has no ending. Raises UserError for a file of a different ending.
    """
    ending = out.suffix.lower()
    if ending in endings and not out.is_dir():
        return ending
    if out.is_file() or (ending and endings and not out.is_dir()):
        kinds = " or ".join([", ".join(f"a {ending}" for ending in endings), "a folder"][not endings :])
        raise UserError("--out", f"{out} can't be written; expected {kinds}")
    return None


def require_png(out: Path) -> None:
    """Raise UserError if the path of a picture doesn't end in .png, or is a folder."""
    if out.suffix.lower() != ".png" or out.is_dir():
        raise UserError("--out", f"{out} doesn't end in .png, or is a folder")


def write_beside(out: Path, images: Mapping[str, Tensor], run: Run, *, only: bool, scale: int | None) -> None:
    """Write images `(channels, height, width)` side by side under their names, or `only` the last of them.

    Each pixel becomes `scale` × `scale` pixels. By default small images side by side are enlarged, and a single image
    keeps its size. Raises CannotWrite if the file can't be written, ValueError if the shapes of the images differ.
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
