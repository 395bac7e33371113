"""The accuracy of the judges of a run's evaluations, from the judges' own runs, and their training data."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

from semreg.core import UserError
from semreg.recipe.schema import other_images
from semreg.store.collection import figures_in
from semreg.store.reading import table_in
from semreg.store.recipes import evaluations_of, judged_on, judges_of, read_recipe, recipes_of
from semreg.store.record import RunRecord, read_record

ACCURACY = "accuracy"
"""The figure in an evaluation of a judge's recipe that states how often the judge is right."""
LONGEST_CHANGE = 80
"""Characters of a change of a judge's data; the rest adds nothing."""


def judged_by(folder: Path, kept: str) -> dict[str, str]:
    """Return sentences on the judge of each evaluation that a run has stored under a name of `kept_as`.

    If a judge's run, or its accuracy on these images, is missing, the sentence only names its own training data, if it
    had any. Raises UserError for damaged files of the run itself.
    """
    images, judges = judged_on(kept)[1], judges_of(folder, kept)
    sentences = {digest: _sentence(folder.parent, digest, images) for digest in set(judges.values())}
    table = read_recipe(folder, kept) if judges else {}
    said = {
        name: " ".join(filter(None, [sentences[digest], taught_by(table_in(table, "evaluate", name, "judge_data"))]))
        for name, digest in judges.items()
    }
    return {name: text for name, text in said.items() if text}


def taught_by(judge_data: Mapping[str, Any]) -> str:
    """Return a sentence on a judge's own training data, from an evaluation's `judge_data`; else empty."""
    if not (changes := other_images(judge_data)):
        return ""
    written = ", ".join(_assignments(changes))
    return f"This judge was trained on its own data ({written}), which may contain images that it judges here."


def _assignments(changes: Mapping[str, Any], of: str = "") -> Iterator[str]:
    """Yield changes one by one: `first = 4000`, `split.train = 0.95`."""
    for key, value in changes.items():
        if isinstance(value, Mapping):
            yield from _assignments(value, f"{of}{key}.")
        else:
            yield shorten(f"{of}{key} = {value}", LONGEST_CHANGE, placeholder="…")


def _sentence(runs: Path, digest: str, images: str) -> str:
    with contextlib.suppress(UserError):
        for run in _runs_of(runs, digest):
            accuracies = _accuracies(run, images)
            if accuracies:
                of = [f" ({name})" if len(accuracies) > 1 else "" for name in accuracies]
                right = ", ".join(f"{share:.2%}{name}" for share, name in zip(accuracies.values(), of, strict=True))
                of_its_own = f"{right} of the {images} images of its data"
                return f"Judged by {run.name}, which itself classifies {of_its_own} correctly."
    return ""


def _runs_of(runs: Path, digest: str) -> Iterator[RunRecord]:
    """Yield the runs with a hash, whose start is the end of their folders' names."""
    for path in sorted(runs.glob("[!.]*")):
        with contextlib.suppress(UserError):
            if path.name.endswith(f"-{digest[:6]}") and (run := read_record(path)).record.get("hash") == digest:
                yield run


def _accuracies(run: RunRecord, images: str) -> dict[str, float]:
    """Return the accuracies of a judge by the names of its evaluations."""
    found: dict[str, float] = {}
    for kept in recipes_of(run.folder):
        if judged_on(kept)[1] == images:
            for name, place in evaluations_of(run.folder, kept).items():
                share = dict(figures_in(place)).get(ACCURACY, math.nan)
                if math.isfinite(share):
                    found.setdefault(name, share)
    return found
