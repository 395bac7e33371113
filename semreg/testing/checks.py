"""Named checks of one component: all run, and their failures are reported together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

MOST_LINES = 6
"""The most lines of one failure's message."""


class Checks:
    """The checks of one component.

    Args:
        component: its name, for the message.
        exempt: the names of checks to skip.
    """

    def __init__(self, component: str, exempt: Collection[str]) -> None:
        self.component, self.exempt = component, set(exempt)
        self.names: list[str] = []
        self.failures: dict[str, list[str]] = {}  # messages, each with its checks

    def run(self, name: str, check: Callable[..., None], *arguments: Any) -> None:
        """Run one check, unless it is exempt. Any exception is recorded as a failure."""
        self.names.append(name)
        if name in self.exempt:
            return
        try:
            check(*arguments)
        except AssertionError as error:
            self.failures.setdefault(_beginning(str(error)), []).append(name)
        except Exception as error:
            self.failures.setdefault(f"{type(error).__name__}: {_beginning(str(error))}", []).append(name)

    def end(self) -> None:
        """Raise AssertionError with all failures, if there are any, or if an exempt check does not exist."""
        unknown = sorted(self.exempt - set(self.names))
        if unknown:
            raise AssertionError(f"no check is called {', '.join(unknown)}; expected one of: {', '.join(self.names)}")
        if self.failures:
            count = sum(map(len, self.failures.values()))
            told = [f"{', '.join(names)}: {message}" for message, names in self.failures.items()]
            lines = "\n".join(f"  {line}" for failure in told for line in failure.strip().splitlines())
            raise AssertionError(f"{self.component}: {count} of {len(self.names)} checks failed\n{lines}")


def _beginning(text: str) -> str:
    """Return the first lines: PyTorch's message about differing tensors continues with their values."""
    return "\n".join(line for line in text.splitlines()[:MOST_LINES] if line.strip())


def require(truth: bool, message: str) -> None:
    """Raise AssertionError with the message unless the condition is true: `python -O` removes `assert`."""
    if not truth:
        raise AssertionError(message)
