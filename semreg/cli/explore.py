"""`semreg explore`: a trained run under a finger."""

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
        int, typer.Option("--port", min=0, max=65535, help="Of the page's address; any free one if left out.")
    ] = 0,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    static: Annotated[
        Path | None,
        typer.Option(
            "--static", metavar="FILE.html", help="Write one page of pictures made in advance, and serve none."
        ),
    ] = None,
    images: Annotated[
        int, typer.Option("--images", min=2, max=32, help="Test images that a page of --static shows.")
    ] = 4,
    device: Device = "auto",
    data_root: DataRoot = Path("data"),
    runs: Runs = Path("runs"),
) -> None:
    """Open a page of sliders, paths, samples and maps of a run.

    The page is served to this machine alone, by an address that only you are told, and asks no other. What there is to
    move follows from the roles that the recipe's [model] says, and plugins add to it. With --static the same is written
    as one file, for others.

    From Python: semreg.explore.
    """
    if static is not None and (static.suffix.lower() != ".html" or static.is_dir()):
        raise UserError("--static", f"{static} is no name of a .html file")
    with trained(run, runs=runs, data_root=data_root, device=device) as opened:
        from semreg.exploring.start import explorer_of, write_page

        if static is not None:
            write_page(opened, static, images=images)
            echo(f"page: {static}")
            return
        from semreg.exploring.server import Server

        server = Server(explorer_of(opened, data_root), port)
        echo(f"page: {server.address}")
        say("it is served until you press Ctrl-C")
        if open_page:  # which may wait for the browser, and the browser for the page
            threading.Thread(target=_open, args=(server.address,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
        server.server_close()


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        say("no browser opened; go to that address")
