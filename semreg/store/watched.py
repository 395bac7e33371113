"""The pictures that a run kept during training, as its folder lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg.store.disk import is_name
from semreg.store.layout import WATCHED
from semreg.store.record import read_lines


@dataclass(frozen=True)
class Watched:
    """A picture in the run's folder `watch`: its tensors, a row each, and the phase and epoch of drawing."""

    phase: str
    epoch: int
    picture: str
    tensors: tuple[str, ...]


def read_watched(folder: Path) -> list[Watched]:
    """Return the pictures of a run, in the order of drawing. Raises UserError if they can't be read."""
    return list(watched_in(read_lines(folder / WATCHED)))


def watched_in(lines: Iterable[dict[str, Any]]) -> Iterator[Watched]:
    """Yield the entries of the list's lines, and skip others."""
    for line in lines:
        try:
            tensors = tuple(str(name) for name in line["tensors"])
            found = Watched(str(line["phase"]), int(line["epoch"]), str(line["picture"]), tensors)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if is_name(found.picture):
            yield found
