"""The interface between semreg and searches, which choose the values that a sweep tries next.

No class inherits from these protocols: matching methods suffice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

__all__ = ["Range", "Search", "Suggestion"]


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included; `log` means a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether its numbers are integers, as both ends are."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Suggestion:
    """A value for each key of a space. `state` states whether its figure is known or it was pruned."""

    number: int
    values: Mapping[str, Any]
    state: Literal["asked", "told", "pruned"] = "asked"


class Search(Protocol):
    """A class that chooses a sweep's values by the figures of earlier values.

    It saves its whole state in its folder at once: a new instance there continues with the same suggestions. A folder
    has one instance at a time.
    """

    def __init__(
        self, words: str = "", *, space: Mapping[str, Range | Sequence[Any]], higher: bool, folder: Path
    ) -> None:
        """Take the words after the name in `--search NAME:WORDS`, and each key's range or values; `higher` states
        whether a higher figure is better. Creates `folder` only when it is asked or receives a figure. Raises
        ValueError for words that it doesn't support."""

    prunes: bool
    """Whether it may prune trials by their validation losses."""

    def suggestions(self) -> Sequence[Suggestion]:
        """Return all suggestions ever made in this folder, in order."""
        ...

    def ask(self) -> Suggestion:
        """Return one more suggestion, saved first."""
        ...

    def tell(self, number: int, figure: float | None) -> None:
        """Take a suggestion's figure, a finite number, once; None means that it was pruned. A failed suggestion gets no
        call."""
        ...

    def gives_up(self, number: int, epoch: int, loss: float) -> bool:
        """Return whether to prune a suggestion by its validation loss after an epoch; lower is better. A resumed run
        may report an epoch again."""
        ...
