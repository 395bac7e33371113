"""The default folder of data sets."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE, DEFAULT = "SEMREG_DATA", Path("data")


def data_root_of(named: str | Path | None) -> Path:
    """Return the given folder of data sets, or the one in the environment, or `data`."""
    return Path(named if named is not None else os.environ.get(VARIABLE) or DEFAULT)
