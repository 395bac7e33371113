"""A search that learns nothing, which is installed everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semreg.core import Range, Suggestion


class Turns:
    """Goes through lists by turns and through ranges by steps; with `pruning` it gives up a loss above 100.

    Raises ValueError for other words.
    """

    def __init__(
        self, words: str = "", *, space: Mapping[str, Range | Sequence[Any]], higher: bool, folder: Path
    ) -> None:
        if words not in ("", "pruning"):
            raise ValueError(f"{words!r} means nothing")
        self.prunes = words == "pruning"
        self.space, self.file = space, folder / "said.json"

    def suggestions(self) -> Sequence[Suggestion]:
        """All that were made."""
        states = self.read()
        return [Suggestion(k, self.values(k), state) for k, state in enumerate(states)]

    def ask(self) -> Suggestion:
        """The next."""
        states = [*self.read(), "asked"]
        self.write(states)
        return self.suggestions()[-1]

    def tell(self, number: int, figure: float | None) -> None:
        """What it came to."""
        states = self.read()
        assert states[number] == "asked", "each is told once"
        states[number] = "pruned" if figure is None else "told"
        self.write(states)

    def gives_up(self, number: int, epoch: int, loss: float) -> bool:
        """Whether the loss is above 100."""
        return loss > 100

    def values(self, k: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, values in self.space.items():
            if isinstance(values, Range):
                value = values.low + (values.high - values.low) * (0.375 * k % 1)
                found[key] = round(value) if values.whole else value
            else:
                found[key] = values[k % len(values)]
        return found

    def read(self) -> list[Any]:
        return list(json.loads(self.file.read_text())) if self.file.exists() else []

    def write(self, states: list[Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(states))
