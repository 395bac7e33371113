"""Which of several processes speaks for all; imports nothing, for commands that must answer at once."""

from __future__ import annotations

import os


def in_first_process() -> bool:
    """Whether this is the first of the processes that `torchrun` started, or the only one: it speaks for all."""
    return os.environ.get("RANK", "0") == "0"
