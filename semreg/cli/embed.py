"""`semreg embed`: the command line of `semreg.trained.embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import trained
from semreg.cli.options import DataRoot, Device, RunFolder, Runs
from semreg.cli.output import echo
from semreg.core import UserError
from semreg.store.messages import say


def embed(
    run: RunFolder,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of images of any size.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="File to write, .npz or .csv.", show_default=False)],
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Write the codes of all images in a folder to one file.

    The command reads all images below the folder in natural order (2 before 10), and skips and counts other files. A
    .npz file holds one array for each code that the recipe's [model] names, and the array `files`. A .csv file has one
    row for each image: its name, then all values of all codes, with spatial codes flattened. You don't need the
    training data.

    From Python: semreg.trained.embed.
    """
    kind = out.suffix.lower()
    if kind not in (".npz", ".csv"):
        raise UserError("--out", f"{out} ends neither in .npz nor in .csv")
    from semreg.data.files import in_words
    from semreg.data.formats import unread
    from semreg.pictures import write_picture
    from semreg.trained import embedding
    from semreg.trained.images import images_and_others

    images, others = images_and_others(folder)
    files = list(images)
    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        codes = embedding.embed_files(opened, [folder / name for name in files])
        write_picture(out, (embedding.as_npz if kind == ".npz" else embedding.as_csv)(files, codes))
    for name, code in codes.items():
        shape = " × ".join(map(str, code.shape[1:]))
        flattened = f", flattened to {code[0].numel()} columns" if kind == ".csv" and code.ndim > 2 else ""
        say(f"{name}: {shape} values for each of {len(files)} images{flattened}")
    for said in [f"not used: {in_words(others)}", *unread(others)] if others else ():
        say(said)
    echo(f"codes: {out}")
