"""What a command is to act on, by names and globs of them, and by paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import filter as matching
from pathlib import Path
from typing import TypeVar

from semreg.core import Problem, closest

Named = TypeVar("Named")


def named(names: Iterable[str], known: Mapping[str, Named], what: str, problems: list[Problem]) -> list[Named]:
    """What is known by these names, or matches them, each once; `what` says what there isn't, such as "run in runs".

    Names of nothing, and globs that match nothing, become problems.
    """
    chosen: dict[str, None] = {}
    for name in names:
        if name in known:
            chosen[name] = None
        elif set("*?[") & set(name):
            found = matching(known, name)
            chosen |= dict.fromkeys(found)
            if not found:
                problems.append(Problem(name, f"matches no {what}{closest(name, known)}"))
        else:
            problems.append(Problem(name, f"is no {what}{closest(name, known)}"))
    return [known[name] for name in chosen]


def folder_of(run: Path, runs: Path) -> Path:
    """A run by its folder, or by its name in the folder of all runs; where neither is there, a bare name is a name."""
    named = (runs / run).exists() or len(run.parts) == 1
    return runs / run if named and not run.exists() else run
