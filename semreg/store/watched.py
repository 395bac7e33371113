"""The pictures that a run kept while it trained, as its folder lists them."""

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
    """A picture in the run's folder `watch`: of which tensors, a row each, and after which epoch of which phase."""

    phase: str
    epoch: int
    picture: str
    tensors: tuple[str, ...]


def read_watched(folder: Path) -> list[Watched]:
    """The pictures of a run, in the order in which they were drawn. Raises UserError for what can't be read."""
    return list(watched_in(read_lines(folder / WATCHED)))


def watched_in(lines: Iterable[dict[str, Any]]) -> Iterator[Watched]:
    """What lines of the list say; those that say nothing of the kind are passed over."""
    for line in lines:
        try:
            tensors = tuple(str(name) for name in line["tensors"])
            found = Watched(str(line["phase"]), int(line["epoch"]), str(line["picture"]), tensors)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if is_name(found.picture):
            yield found
