"""`semreg export`: the command line of `semreg.export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.options import DataRoot, RunFolder, Runs
from semreg.cli.output import echo
from semreg.store.messages import say
from semreg.store.names import folder_of


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.", show_default=False)],
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write ONNX files.")] = False,
    half: Annotated[bool, typer.Option("--half", help="Store matrices and kernels in half precision.")] = False,
    modules: Annotated[
        list[str], typer.Option("--module", metavar="NAME", help="Also export this module of the recipe; repeatable.")
    ] = [],  # noqa: B006  typer reads the default and never changes it
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="FOLDER", help="Compare on these images if the run's data are missing."),
    ] = None,
    license: Annotated[
        str,
        typer.Option("--license", metavar="NAME", help="License of the model, by its name on the Hugging Face Hub."),
    ] = "unknown",
    push: Annotated[
        str | None, typer.Option("--push", metavar="OWNER/NAME", help="Also upload the folder to the Hugging Face Hub.")
    ] = None,
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Export a trained run into a folder that works without semreg.

    The folder holds the encoder and the decoder of the recipe's [model] as modules that need only PyTorch, the
    weights, a short example, and a model card. semreg compares the modules with the run on real images, and runs the
    example where only PyTorch is installed; if anything differs, it writes nothing. The encoder takes RGB images of any
    size as uint8 (batch, height, width, 3). Commands that use a trained run also accept the folder.

    From Python: semreg.export.
    """
    from semreg.exporting.writing import export_run
    from semreg.store.numbers import size

    made = export_run(
        folder_of(run, runs), out, onnx=onnx, half=half, modules=modules, images=images, license=license, push=push,
        data_root=data_root,
    )  # fmt: skip
    for file, away in made.differences.items():
        echo(f"{file}: {away:.1g} from the run's at most")
    if made.reading is not None:
        echo(f"images of other sizes: {made.reading} from the run's")
    if made.rounded is not None:
        echo(f"rounding to half precision: {made.rounded:.1g} of the output at most")
    for name, reason in made.left_out.items():
        say(f"left out: {name}: {reason}")
    echo(f"export: {made.folder} ({size(made.size)})")
    if made.address:
        echo(f"uploaded: {made.address}")
