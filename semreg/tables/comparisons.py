"""Comparisons of several runs, run once as long as the runs stay the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from semreg.core import Result, UserError, seed_of
from semreg.core.errors import CannotWrite
from semreg.recipe.plan import ComparisonPlan, Plan, reads_in
from semreg.running.arithmetic import arithmetic
from semreg.running.choices import Choices
from semreg.running.evaluations import called, why_failed
from semreg.running.identity import comparison_digest
from semreg.store.disk import discard, tidy, writing
from semreg.store.messages import say
from semreg.store.record import read_record
from semreg.store.results import read_result, write_result
from semreg.tables.blocks import counted
from semreg.tables.grid import TOGETHER, Cell, Compared
from semreg.tables.planned import PlannedRun
from semreg.trained.opening import open_trained
from semreg.trained.read_cache import ReadCache
from semreg.trained.run import TensorHandle

FOLDER = "comparisons"
"""The folder of their results, in the folder of a table."""
IN_A_NAME = 12
"""The number of a hash's digits in a folder's name."""


class Member(NamedTuple):
    """A finished run of a comparison, and the title of its row."""

    run: PlannedRun
    cell: Cell
    title: str

    def comparison(self, name: str) -> ComparisonPlan:
        """Return its recipe's plan of a comparison."""
        return self.run.plan.comparisons[name]


@dataclass(frozen=True)
class Comparisons:
    """The results of comparisons, by their names: for the runs of each row, by its place, and across the rows."""

    by_row: Mapping[int, Mapping[str, Compared]] = field(default_factory=dict)
    across: Mapping[str, Compared] = field(default_factory=dict)


def compare_rows(rows: Mapping[int, Sequence[Member]], folder: Path, choices: Choices) -> Comparisons:
    """Run the comparisons of the rows' recipes on their finished runs, unless they are stored.

    The table's `folder` keeps only the results for these runs. If one comparison fails, the others continue. Raises
    CannotWrite.
    """
    comparing = _Comparing(folder / FOLDER, choices)
    by_row = {
        row: {name: comparing.done(name, members) for name in _to_compare(members, across=False)}
        for row, members in rows.items()
    }
    everyone = list({member.cell.folder: member for members in rows.values() for member in members}.values())
    across = {
        name: comparing.done(name, members, across=True) for name, members in _to_compare(everyone, across=True).items()
    }
    comparing.tidy()
    return Comparisons(by_row, across)


def _to_compare(members: Sequence[Member], *, across: bool) -> dict[str, list[Member]]:
    """Return the runs of each comparison."""
    found: dict[str, list[Member]] = {}
    for member in members:
        for name, comparison in member.run.plan.comparisons.items():
            if comparison.across == across:
                found.setdefault(name, []).append(member)
    return found


class _Comparing:
    """Comparisons that run or are read, each in a subfolder of one folder."""

    def __init__(self, folder: Path, choices: Choices) -> None:
        self.folder, self.choices = folder, choices
        self.kept: set[str] = set()
        self.digests: dict[tuple[str, str], str] = {}

    def done(self, name: str, members: Sequence[Member], *, across: bool = False) -> Compared:
        """Return the result of a comparison of runs; read it if it is stored."""
        compared = Compared(len(members), failure=_unlike(name, members))
        if compared.failure or compared.too_few:
            return compared
        names = [_called(member, across=across) for member in members]
        try:
            path = self.folder / f"{name}-{self.digest(name, members, names)[:IN_A_NAME]}"
            self.kept.add(path.name)
            with contextlib.suppress(UserError):  # it isn't done, or is damaged
                return replace(compared, result=read_result(path))
            say(f"comparing {name}: {TOGETHER if across else members[0].title}, {counted(len(members), 'run')}")
            write_result(path, self.result(name, members, names))
            return replace(compared, result=read_result(path))
        except (CannotWrite, KeyboardInterrupt):  # no fault of its own
            raise
        except BaseException as error:  # SystemExit and what plugins make up, too
            failure = why_failed(members[0].comparison(name).node, error)
            say(f"comparison {name!r} failed: {failure}")
            return replace(compared, failure=failure)

    def digest(self, name: str, members: Sequence[Member], names: Sequence[str]) -> str:
        """Return what identifies a comparison: its definition, and the runs with their starting times."""
        content = [
            [called, self.what(name, one.run.plan), one.run.place.identity.digest, _began(one.cell.folder)]
            for one, called in zip(members, names, strict=True)
        ]
        return hashlib.sha256(json.dumps(content).encode("utf-8", "surrogatepass")).hexdigest()

    def what(self, name: str, plan: Plan) -> str:
        """Return the definition of a row's comparison, computed once."""
        key = (name, plan.name)
        if key not in self.digests:
            self.digests[key] = comparison_digest(plan, plan.comparisons[name], self.choices.out, self.choices.judge_on)
        return self.digests[key]

    def result(self, name: str, members: Sequence[Member], names: Sequence[str]) -> Result:
        """Run a comparison."""
        node = members[0].comparison(name).node
        filled: dict[str, Any] = {}
        if "names" in node.loaded.signature.parameters:
            filled["names"] = names
        if node.loaded.random:
            filled["generator"] = torch.Generator().manual_seed(seed_of("comparison", name))
        with arithmetic(self.choices):
            return called(node, [self.handle(name, member, len(members)) for member in members], filled)

    def handle(self, name: str, member: Member, runs: int) -> TensorHandle:
        """Return the tensor of a run for a comparison; `runs` runs share the memory for its values."""
        run = open_trained(
            member.cell.folder,
            recipe=member.run.recipe,
            data_root=self.choices.data_root,
            device=self.choices.device,
            judge_on=self.choices.judge_on,
        )
        run.kept = ReadCache(run.kept.budget // runs)
        [tensor] = reads_in(member.comparison(name).node)
        return run.tensor(tensor)

    def tidy(self) -> None:
        """Remove the results of other runs and other comparisons."""
        if self.folder.is_dir():
            with writing(self.folder):
                tidy(self.folder)
                for path in self.folder.iterdir():
                    if path.is_dir() and path.name not in self.kept and not path.name.startswith("."):
                        discard(path)


def _began(folder: Path) -> str:
    """Return the time of a run's start, which distinguishes a repeated run from the one before."""
    return str(read_record(folder).record.get("started"))


def _called(member: Member, *, across: bool) -> str:
    """Return a run's name among the runs of a comparison."""
    seed = member.cell.folder.name if member.cell.seed is None else f"seed {member.cell.seed}"
    return f"{member.title} · {seed}" if across else seed


def _unlike(name: str, members: Sequence[Member]) -> str:
    """Return why these runs can't be compared: their data differ, or their recipes' plans of the comparison do."""
    if len({member.cell.facts.fingerprint for member in members}) > 1:
        return "its runs are not all on the same images, labels and split"
    nodes = [member.comparison(name).node for member in members]
    if len({json.dumps([node.name, node.written], sort_keys=True, default=str) for node in nodes}) > 1:
        return f"the recipes have different components or options at compare.{name}; give them names of their own"
    return ""
