"""What is read from a run's folder is taken for what a run writes, until it turns out to be something else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from semreg.core import UserError
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory
from semreg.store.layout import MODEL


@contextlib.contextmanager
def as_written(folder: Path) -> Iterator[None]:
    """Raises UserError where what the files in `folder` hold cannot be used as what a run writes."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if out_of_memory(error):
            raise
        cause = cause_of(error)[:300]
        raise UserError(str(folder), f"its files do not hold what a run of this recipe writes: {cause}") from error


def refuse_exported(folder: Path, done: str) -> None:
    """Raises UserError for the folder of an exported run, to which something is not done, such as "evaluated"."""
    if (folder / MODEL).is_file():
        raise UserError(str(folder), f"is an exported run, which is not {done}; the run that it was exported from is")


def table_in(found: Any, *keys: str) -> Mapping[str, Any]:
    """The table at a place of what was read; empty where there is none: records and recipes may be anyone's."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
