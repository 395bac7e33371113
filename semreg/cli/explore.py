"""`semreg explore`: the command line of the interactive page of a trained run."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Annotated

import typer

from semreg.cli.helpers import trained
from semreg.cli.options import DataRoot, Device, RunFolder, Runs
from semreg.cli.output import echo
from semreg.core import UserError
from semreg.store.messages import say


def explore(
    run: RunFolder,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of the page's address; 0 takes any free port.")
    ] = 0,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    static: Annotated[
        Path | None,
        typer.Option(
            "--static",
            metavar="FILE.html",
            help="Write the page as one file with ready-made pictures; start no server.",
        ),
    ] = None,
    images: Annotated[
        int, typer.Option("--images", min=2, max=32, help="Number of test images on the page of --static.")
    ] = 4,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Open a page of sliders, paths, samples and maps of a run.

    Only this machine can open the page, and only by its secret address; the page requests no other address. The
    recipe's [model] and the installed plugins decide which controls the page has. With --static the command writes the
    page as one file, which you can give to others.

    From Python: semreg.explore.
    """
    if static is not None and (static.suffix.lower() != ".html" or static.is_dir()):
        raise UserError("--static", f"{static} doesn't end in .html, or is a folder")
    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        from semreg.exploring.start import explorer_of, write_page

        if static is not None:
            write_page(opened, static, images=images)
            echo(f"page: {static}")
            return
        from semreg.exploring.server import Server

        server = Server(explorer_of(opened, data_root), port)
        echo(f"page: {server.address}")
        say("press Ctrl-C to stop serving it")
        if open_page:  # in a thread: opening may wait for the browser, and the browser for the page
            threading.Thread(target=_open, args=(server.address,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
        server.server_close()


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        say("no browser opened; open that address yourself")
