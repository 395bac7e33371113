"""Points that a run draws in training and keeps for `toy_spread`, which shows them (Figure 2 at several epochs)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semreg.core import ObservedRun
from semreg.core.hookspecs import Progress, hookimpl

LOG = "points.jsonl"
COUNT = 1000


class Points:
    """Keeps up to 1,000 drawn points after each epoch that a `toy_spread(points, samples, label)` names."""

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        """Draw points at the end of such an epoch."""
        epoch, within = divmod(progress.iteration, progress.iterations // progress.epochs)
        if within:
            return
        for samples, label in dict.fromkeys(_drawn(run.recipe, epoch)):
            points, classes = run.tensor(samples, count=COUNT), run.tensor(label, count=COUNT)
            line = {"samples": samples, "epoch": epoch, "points": points.tolist(), "classes": classes.tolist()}
            with (run.folder / LOG).open("a") as log:
                log.write(json.dumps(line) + "\n")


def _drawn(recipe: dict[str, Any], epoch: int) -> Iterator[tuple[str, str]]:
    """Yield the samples and the labels of the evaluations that need points of this epoch."""
    for table in recipe.get("evaluate", {}).values():
        name, _, inputs = str(table.get("use", "")).partition("(")
        named = [word.strip() for word in inputs.rstrip(") ").split(",")]
        if name.strip() == "toy_spread" and len(named) == 3 and epoch in table.get("epochs", ()):
            yield named[1], named[2]


def kept_points(folder: Path, samples: str) -> dict[int, tuple[Tensor, Tensor]]:
    """Return by epoch the points `(rows, axes)` that a run kept of a tensor, and their classes; other lines are
    ignored."""
    found = {}
    for text in (folder / LOG).read_text().splitlines() if (folder / LOG).is_file() else ():
        try:
            line = json.loads(text)
            if line["samples"] == samples:  # a resumed run may repeat an epoch, with the same points
                found[int(line["epoch"])] = torch.tensor(line["points"]), torch.tensor(line["classes"])
        except (KeyError, TypeError, ValueError):
            continue
    return found
