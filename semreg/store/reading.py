"""Reading of run folders: contents are assumed to be a run's, and rejected when they are not."""

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
    """Raise UserError inside if the files in `folder` hold something that no run writes."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if out_of_memory(error):
            raise
        cause = cause_of(error)[:300]
        raise UserError(str(folder), f"its files are not those of a run of this recipe: {cause}") from error


def refuse_exported(folder: Path, done: str) -> None:
    """Raise UserError for the folder of an exported run, which can't be, for example, "evaluated"."""
    if (folder / MODEL).is_file():
        raise UserError(str(folder), f"is an exported run, which can't be {done}; use the run that it came from")


def table_in(found: Any, *keys: str) -> Mapping[str, Any]:
    """Return the table at a place in data; empty if there is none: records and recipes may be untrusted."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
