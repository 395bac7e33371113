"""The history of the pictures that a run kept during training: a strip for each drawn epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from semreg.core import Picture, UserError
from semreg.store.disk import read_if_there
from semreg.store.layout import WATCH
from semreg.store.watched import Watched, read_watched

MOST_STRIPS = 16
"""The most strips of a phase on a page; the others are in the run's folder."""


@dataclass(frozen=True)
class WatchedPhase:
    """The strips of a phase with their epochs, and a note on them."""

    strips: list[tuple[int, Picture]]
    caption: str


def courses(folder: Path, warn: Callable[[str], None]) -> dict[str, WatchedPhase]:
    """Return the history of each watched phase; an unreadable picture is left out and reported to `warn`."""
    phases: dict[str, list[Watched]] = {}
    try:
        for one in read_watched(folder):
            phases.setdefault(one.phase, []).append(one)
    except UserError as error:
        warn(error.text())
    return {phase: _course(folder, kept, warn) for phase, kept in phases.items()}


def _course(folder: Path, kept: list[Watched], warn: Callable[[str], None]) -> WatchedPhase:
    count = min(len(kept), MOST_STRIPS)
    chosen = [
        kept[(len(kept) - 1) * place // max(1, count - 1)] for place in range(count)
    ]  # the first and the last too
    strips = []
    for one in chosen:
        try:
            content = read_if_there(folder / WATCH / one.picture)
        except UserError as error:
            warn(error.text())
            continue
        if content is None:
            warn(f"{WATCH}/{one.picture} is no longer there")
            continue
        tensors = ", ".join(one.tensors)
        strips.append((one.epoch, Picture(f"{tensors} after epoch {one.epoch}", content)))
    rows = list(dict.fromkeys(", ".join(one.tensors) for one in chosen))
    caption = f"From above in each strip: {' or '.join(rows)}; the images are always the same."
    more = f" {count} of {len(kept)} strips; all are in {WATCH}/." if count < len(kept) else ""
    return WatchedPhase(strips, caption + more)
