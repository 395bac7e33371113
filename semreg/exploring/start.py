"""Serves or writes a run's page."""

from __future__ import annotations

from pathlib import Path

from semreg.exploring.server import Server
from semreg.exploring.static import render
from semreg.exploring.view import Explorer
from semreg.pictures import write_picture
from semreg.store.messages import say
from semreg.store.names import name_of
from semreg.trained import Run


def explorer_of(run: Run, data_root: str | Path | None = None) -> Explorer:
    """Return the panels of a run, and warn about those that can't be used. Raises UserError as `Explorer` does."""
    elsewhere = "" if data_root in (None, Path("data")) else f", data_root={str(data_root)!r}"
    explorer = Explorer(run, f"semreg.open_run({name_of(run.folder)!r}{elsewhere})")
    for reason in explorer.left_out.values():
        say(f"warning: {reason}")
    return explorer


def serve(run: Run, data_root: str | Path | None = None, *, port: int = 0, open_page: bool = True) -> Server:
    """Serve the page of a run in the background. Raises UserError as `Explorer` and `Server` do."""
    server = Server(explorer_of(run, data_root), port)
    server.start()
    if open_page:
        import webbrowser

        webbrowser.open(server.address)
    return server


def write_page(run: Run, path: Path, *, images: int) -> None:
    """Write a page of pictures made in advance, completely or not at all, and print its size before.

    Raises UserError as `Explorer` and `render` do, and CannotWrite.
    """
    content = render(explorer_of(run), images=images).encode()
    say(f"{len(content) / 1e6:.1f} MB")
    write_picture(path, content)
