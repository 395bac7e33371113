"""The status of a grid's simultaneous runs, redrawn on a terminal while they run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from semreg.core import UserError
from semreg.store.messages import MESSAGES
from semreg.store.record import read_record
from semreg.store.status import RunStatus, run_status

Draw = Callable[[Sequence[Path], str], None]


@contextlib.contextmanager
def watching() -> Iterator[Draw]:
    """Provide a function that draws the runs in some folders below a line of text, or nothing without a terminal."""
    if not MESSAGES.isatty():
        yield lambda folders, text: None
        return
    from rich.console import Console, Group
    from rich.live import Live

    from semreg.report.run_table import run_table

    with Live(console=Console(file=MESSAGES, highlight=False), auto_refresh=False, transient=True) as live:

        def draw(folders: Sequence[Path], text: str) -> None:
            live.update(Group(run_table([_status(folder) for folder in folders]), text), refresh=True)

        yield draw


def _status(folder: Path) -> RunStatus:
    try:
        return run_status(read_record(folder), datetime.now(UTC))
    except UserError:  # its process has just started
        return RunStatus(folder, folder.name, "running", message="it is beginning")
