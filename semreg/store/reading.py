"""What is read from a run's folder is taken for what a run writes, until it turns out to be something else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from semreg.core import UserError
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory


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
