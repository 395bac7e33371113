"""Which runs use which: as a judge of their evaluations, for weights to begin with, or to go on from."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from semreg.core import UserError
from semreg.store.disk import read_object
from semreg.store.layout import RECIPE
from semreg.store.reading import table_in
from semreg.store.recipes import judges_in
from semreg.store.record import RunRecord

JUDGE, WEIGHTS, CONTINUES = "judge", "weights", "continues"


@dataclass(frozen=True)
class Use:
    """That a run, by the name of its folder, uses another; `what` is `judge`, `weights` or `continues`."""

    user: str
    what: str
    where: str = ""
    """The evaluation, or the module."""

    def text(self) -> str:
        """In words, after the name of the run that is used."""
        said = {
            JUDGE: f"judges in evaluation {self.where!r} of {self.user}",
            WEIGHTS: f"gave weights to module {self.where!r} of {self.user}",
            CONTINUES: f"is the run that {self.user} continues (--continue)",
        }
        return said[self.what]


def users_of_runs(runs: Iterable[RunRecord]) -> dict[str, list[Use]]:
    """How runs use others, by the hashes of those that are used. What a damaged folder uses isn't known."""
    found: dict[str, list[Use]] = defaultdict(list)
    runs = list(runs)
    hashes = {run.folder.name: hash_of(run) for run in runs}
    for run in runs:
        with contextlib.suppress(UserError):
            for used, use in _uses_of(run, hashes):
                if use not in found[used]:
                    found[used].append(use)
    return dict(found)


def hash_of(run: RunRecord) -> str:
    """By which others name a run; empty where its record is damaged."""
    return str(run.record.get("hash") or "")


def _uses_of(run: RunRecord, hashes: Mapping[str, str]) -> Iterator[tuple[str, Use]]:
    """What a run uses, by its record, and by its recipe where modules are concerned that only evaluations read."""
    user = run.folder.name
    parent = table_in(run.record.get("continues")).get("hash")
    if isinstance(parent, str):
        yield parent, Use(user, CONTINUES)
    for name, module in table_in(run.record, "training", "modules").items():
        match table_in(module).get("weights"):
            case [str(used), _]:
                yield used, Use(user, WEIGHTS, name)
    for name, module in table_in((read_object(run.folder / RECIPE) or {}).get("modules")).items():
        path = str(table_in(module).get("weights") or "").rpartition(":")[0]
        if path and hashes.get(Path(path).name):
            yield hashes[Path(path).name], Use(user, WEIGHTS, name)
    for name, used in judges_in(run.folder):
        yield used, Use(user, JUDGE, name)
