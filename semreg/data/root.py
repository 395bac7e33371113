"""Where data sets are, unless a user says so."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE, DEFAULT = "SEMREG_DATA", Path("data")


def data_root_of(named: str | Path | None) -> Path:
    """The folder of data sets that is named, or the one in the environment, or `data`."""
    return Path(named if named is not None else os.environ.get(VARIABLE) or DEFAULT)
