"""The command of this distribution; it imports its needs when it is called, so that its help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import require_png, trained, write_beside
from semreg.cli.options import DataRoot, Device, Image, Only, PictureFile, RunFolder, Runs, ScaleOfAll, Seed
from semreg.core import UserError


def edit(
    run: RunFolder,
    image: Image,
    add: Annotated[
        list[str],
        typer.Option(
            "--add",
            metavar="NAME[=STRENGTH]",
            help="Attribute to add. Strength 1, the default, is as in the data; more exaggerates. Repeatable.",
        ),
    ] = [],  # noqa: B006  typer reads the default and never changes it
    remove: Annotated[
        list[str],
        typer.Option(
            "--remove",
            metavar="NAME[=STRENGTH]",
            help="Attribute to remove. Strength is the rest that stays, by default 0. Repeatable.",
        ),
    ] = [],  # noqa: B006
    out: PictureFile = Path("edit.png"),
    only: Only = False,
    seed: Seed = 0,
    scale: ScaleOfAll = None,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Add attributes to an image, or remove them.

    The picture shows the image, its reconstruction and the edited image. The command draws at random how an added
    attribute looks; another --seed draws another look. It also removes attributes that exclude an added one, such as
    baldness for a hat. The run must have one embedding per attribute, as recipes/olr_celeba.toml trains it.

    From Python: semreg_olr.editing.edit.
    """
    require_png(out)
    added, removed = _strengths("--add", add), _strengths("--remove", remove)
    from semreg.trained import load_images
    from semreg_olr.editing import edit

    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        left = {name: strength or 0.0 for name, strength in removed.items()}
        made = edit(opened, load_images(opened, [image]), add=added, remove=left, seed=seed)
        shown = {"image": made.image[0], "reconstruction": made.reconstruction[0], "edited": made.edited[0]}
        write_beside(out, shown, opened, only=only, scale=scale)


def _strengths(option: str, texts: list[str]) -> dict[str, float | None]:
    """Return the strength of each attribute, None if not given. Raises UserError for other text, and for repeated
    names."""
    found: dict[str, float | None] = {}
    for text in texts:
        name, equals, number = text.rpartition("=") if "=" in text else (text, "", "")
        if name in found:
            raise UserError(option, f"{name!r} is given twice")
        try:
            found[name] = float(number) if equals else None
        except ValueError:
            raise UserError(option, f"{text!r}: {number!r} is no number; write NAME or NAME=STRENGTH") from None
    return found
