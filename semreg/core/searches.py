"""What semreg and searches expect of each other: which values a sweep tries next.

Nothing inherits from these: shape is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

__all__ = ["Range", "Search", "Suggestion"]


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included; `log` says that their ratios count, not their differences."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether they are whole numbers: both ends are."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Suggestion:
    """A value for each key of a space. `state` says whether its figure was told, or that it was pruned."""

    number: int
    values: Mapping[str, Any]
    state: Literal["asked", "told", "pruned"] = "asked"


class Search(Protocol):
    """What chooses the values of a sweep by the figures of those before: a class.

    All that it knows it keeps in its folder, at once: one that is made anew there goes on, and suggests what it would
    have. No two are at work in a folder at a time.
    """

    def __init__(
        self, words: str = "", *, space: Mapping[str, Range | Sequence[Any]], higher: bool, folder: Path
    ) -> None:
        """With what stands behind its name in `--search NAME:WORDS`, and for each key the numbers or different values
        among which it chooses; `higher` says whether a high figure is good. Makes `folder` no sooner than it is asked
        or told something. Raises ValueError for words that mean nothing to it."""

    prunes: bool
    """Whether it may give up trials by their validation losses."""

    def suggestions(self) -> Sequence[Suggestion]:
        """All that were ever made in this folder, in their order."""
        ...

    def ask(self) -> Suggestion:
        """One more, kept before it is returned."""
        ...

    def tell(self, number: int, figure: float | None) -> None:
        """The figure, a finite number, that a suggestion came to, once; None says that it was pruned. One that failed
        is never told."""
        ...

    def gives_up(self, number: int, epoch: int, loss: float) -> bool:
        """Whether to prune a suggestion whose validation loss, the less the better whatever the figure, is `loss` after
        an epoch. A run that went on from a checkpoint may tell an epoch again."""
        ...
