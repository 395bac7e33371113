"""Uses of runs by runs: as a judge of evaluations, for initial weights, or to continue from."""

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
    """The use of a run by another, named by its folder; `what` is `judge`, `weights` or `continues`."""

    user: str
    what: str
    where: str = ""
    """The evaluation, or the module."""

    def text(self) -> str:
        """Return the use in words, to follow the name of the used run."""
        said = {
            JUDGE: f"judges in evaluation {self.where!r} of {self.user}",
            WEIGHTS: f"gave weights to module {self.where!r} of {self.user}",
            CONTINUES: f"is the run that {self.user} continues (--continue)",
        }
        return said[self.what]


def users_of_runs(runs: Iterable[RunRecord]) -> dict[str, list[Use]]:
    """Return the uses of runs, by the hashes of the used ones. Uses by a damaged run aren't known."""
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
    """Return the hash that names a run in others; empty if its record is damaged."""
    return str(run.record.get("hash") or "")


def _uses_of(run: RunRecord, hashes: Mapping[str, str]) -> Iterator[tuple[str, Use]]:
    """Yield a run's uses of others, by its record, and by its recipe for modules that only evaluations read."""
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
