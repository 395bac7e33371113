"""What all topics share: how much to measure, in turns, on which machine, and tables of what was found."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch

from semreg.cli.doctor import processor

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Effort:
    """How much to measure: `rounds` of everything, each of a `share` of its full size, and whether what is compiled."""

    rounds: int
    share: float
    compiles: bool = True

    def of(self, full: int, least: int = 1) -> int:
        """`full`, less what the share takes away."""
        return max(least, round(full * self.share))


FULL = Effort(rounds=30, share=1.0)
QUICK = Effort(rounds=1, share=0.02, compiles=False)


@dataclass(frozen=True)
class Table:
    """Figures under a title, as text, with a note on what they are."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """The table for a Markdown file that reads as well without being rendered."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.columns))]
        text = ["| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |"
                for line in lines]  # fmt: skip
        text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"## {self.title}", "", *([self.note, ""] if self.note else []), *text, ""])


@dataclass(frozen=True)
class Goal:
    """What was to be reached and what was found."""

    what: str
    goal: str
    found: str
    met: bool


@dataclass(frozen=True)
class Findings:
    """What a topic found."""

    tables: Sequence[Table]
    goals: Sequence[Goal] = field(default_factory=tuple)


def goals_table(goals: Iterable[Goal]) -> Table:
    """Goals in one table."""
    rows = [[goal.what, goal.goal, goal.found, "yes" if goal.met else "no"] for goal in goals]
    return Table("Goals", ["what", "goal", "found", "met"], rows)


def run_topics(
    names: Iterable[str],
    measure: Callable[[str], Findings],
    title: str,
    *,
    page: Path | None,
    kept_in: Path | None = None,
) -> bool:
    """Measure topics, print the page of what was found, and write it; whether all of their goals are met.

    `title` begins the page. In the file `kept_in` what was found stays beside other topics that are there.
    """
    kept = json.loads(kept_in.read_text()) if kept_in and kept_in.exists() else {}
    met = True
    for name in names:
        told, found = conditions(), measure(name)
        met &= all(goal.met for goal in found.goals)
        kept[name] = {"conditions": told, **asdict(found)}
        if kept_in:
            kept_in.write_text(json.dumps(kept, indent=1) + "\n")
    parts = [f"{title.strip()}\n"]
    parts.append(goals_table(Goal(**goal) for one in kept.values() for goal in one["goals"]).markdown())
    for one in kept.values():
        parts += [Table(**table).markdown() for table in one["tables"]]
        parts.append(f"Measured on: {one['conditions']}.\n")
    text = "\n".join(parts)
    if page:
        page.write_text(text)
    print(text)
    return met


def in_turns(
    contestants: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """What each contestant measures in each round; in turns, so that a slow spell of the machine falls on all of them.

    Each round begins with another contestant. A first round warms up and is not counted.
    """
    names = list(contestants)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1 if warm_up else 0, rounds if names else 0):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            value = contestants[name]()
            if number >= 0:
                measured[name].append(value)
    return measured


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def median_difference(measured: Sequence[float], base: Sequence[float]) -> float:
    """The median over the rounds of how much more was measured than for the base in the same round."""
    return statistics.median(a - b for a, b in zip(measured, base, strict=True))


def median_ratio(measured: Sequence[float], base: Sequence[float]) -> float:
    """The median over the rounds of the ratio to the base in the same round."""
    return statistics.median(a / b for a, b in zip(measured, base, strict=True))


def milliseconds(value: float, *, signed: bool = False, digits: int = 3) -> str:
    """Seconds as text in milliseconds."""
    return f"{value * 1e3:{'+' if signed else ''}.{digits}f}"


def against(base: str, measured: Mapping[str, list[float]], missing: Mapping[str, str]) -> list[list[str]]:
    """Rows of name, milliseconds, difference to the base, ratio to the base; those that are missing say so."""
    rows = []
    for name, values in measured.items():
        row = [name, milliseconds(statistics.median(values))]
        if name != base:
            row += [milliseconds(median_difference(values, measured[base]), signed=True),
                    f"{median_ratio(values, measured[base]):.2f}"]  # fmt: skip
        rows.append(row + [""] * (4 - len(row)))
    return rows + [[name, reason, "", ""] for name, reason in missing.items()]


def version_of(distribution: str) -> str | None:
    """The version that is installed, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@contextmanager
def installed(folder: Path, name: str, groups: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """A made-up distribution with entry points, by group and name, for as long as the context lasts."""
    write_distribution(folder, name, groups)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def write_distribution(folder: Path, name: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Write the metadata of a made-up distribution into a folder that may be put on the path."""
    information = folder / f"{name.replace('-', '_')}-0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")


def machine() -> list[str]:
    """What the figures depend on, a line each."""
    versions = {name: version_of(name) for name in ("torch", "semreg", "accelerate", "lightning", "pythae")}
    shown = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads for PyTorch, {platform.system()}",
        f"Python {platform.python_version()}, {shown}",
        f"commit {_commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {load} when it began",
    ]


def conditions() -> str:
    """The same within a sentence."""
    return "; ".join(machine())


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
