"""What the tests of hostile files share."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> Any:
        return (open, (str(self.sentinel), "w"))


DEEP = "[" * 100_000 + "]" * 100_000
"""JSON that no parser goes to the bottom of."""
