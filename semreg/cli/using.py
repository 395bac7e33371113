"""What commands share that use a trained run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from semreg.cli.options import folder_of
from semreg.errors import UserError

if TYPE_CHECKING:
    from semreg.runs.run import Run


@contextlib.contextmanager
def trained(run: Path, *, runs: Path, data_root: Path, device: str) -> Iterator[Run]:
    """A run that is trained to its end, by its folder or its name in `runs`; its data are read only if asked for.

    What it refuses inside by a ValueError, and memory that runs out, become a UserError.
    """
    from semreg.runs.opening import open_trained
    from semreg.training.memory import out_of_memory

    opened = open_trained(folder_of(run, runs), data_root=data_root, device=device)
    try:
        yield opened
    except ValueError as error:
        raise UserError(str(opened.folder), str(error)) from error
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise UserError(str(opened.folder), "memory ran out; use fewer images at a time") from error
