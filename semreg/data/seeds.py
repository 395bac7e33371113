"""Seeds that a user chooses in the recipe, an option or a call: one range and one message."""

from __future__ import annotations

import re
from operator import index
from typing import Any

from semreg.core import UserError

LARGEST_SEED = 2**31
NUMBER = re.compile(r"-?[0-9]{1,100}")
WHAT_FITS = f"a seed is a whole number from 0 to {LARGEST_SEED}"


def is_seed(value: Any) -> bool:
    """Return whether a value is a seed without conversion: text and truth values are not."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and 0 <= index(value) <= LARGEST_SEED


def chosen_seed(value: Any, where: str = "--seed") -> int:
    """Return a seed, also from its text. Raises UserError, with the values that fit, for all else."""
    written = isinstance(value, str) and bool(NUMBER.fullmatch(value))
    seed = int(value) if written else value
    if not is_seed(seed):
        shown = value if written else repr(value)
        raise UserError(where, f"{shown if len(shown) <= 40 else f'{shown[:39]}…'}: {WHAT_FITS}")
    return index(seed)
