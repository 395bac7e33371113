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


def file_kind(out: Path, *endings: str) -> str | None:
    """Which of the endings a file to be written has; None for a folder, which is there, or has no ending if there are
    any. Raises UserError for another file."""
    ending = out.suffix.lower()
    if ending in endings and not out.is_dir():
        return ending
    if out.is_file() or (ending and endings and not out.is_dir()):
        kinds = " or ".join([", ".join(f"a {ending}" for ending in endings), "a folder"][not endings :])
        raise UserError("--out", f"{out} can't be written; {kinds} can")
    return None
