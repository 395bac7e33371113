"""Named checks of one component: all are done, and what failed is told together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

MOST_LINES = 6
"""Of what is told of one failure."""


class Checks:
    """The checks of one component.

    Args:
        component: its name, for the message.
        exempt: the names of checks that are not done.
    """

    def __init__(self, component: str, exempt: Collection[str]) -> None:
        self.component, self.exempt = component, set(exempt)
        self.names: list[str] = []
        self.failures: dict[str, list[str]] = {}  # what is told, and the checks that it is told of

    def run(self, name: str, check: Callable[..., None], *arguments: Any) -> None:
        """Do one check, unless it is exempt. Any exception is a failure, and is kept."""
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
        """Raises AssertionError with all failures, if there are any, or if a check is exempt that does not exist."""
        unknown = sorted(self.exempt - set(self.names))
        if unknown:
            raise AssertionError(f"no check is called {', '.join(unknown)}; expected one of: {', '.join(self.names)}")
        if self.failures:
            count = sum(map(len, self.failures.values()))
            told = [f"{', '.join(names)}: {message}" for message, names in self.failures.items()]
            lines = "\n".join(f"  {line}" for failure in told for line in failure.strip().splitlines())
            raise AssertionError(f"{self.component}: {count} of {len(self.names)} checks failed\n{lines}")


def _beginning(text: str) -> str:
    """The first lines: what PyTorch says of tensors that differ goes on with their numbers."""
    return "\n".join(line for line in text.splitlines()[:MOST_LINES] if line.strip())


def require(truth: bool, message: str) -> None:
    """Raises AssertionError with the message unless something is true: `assert` vanishes under `python -O`."""
    if not truth:
        raise AssertionError(message)
