"""Selection of the objects of a command by names, globs and paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import filter as matching
from pathlib import Path
from typing import TypeVar

from semreg.core import Problem, UserError, closest

Named = TypeVar("Named")

ZOO = "zoo:"
"""The prefix of the name of a trained run that semreg ships."""
_ZOO = Path(__file__).parents[1] / "zoo"


def named(names: Iterable[str], known: Mapping[str, Named], what: str, problems: list[Problem]) -> list[Named]:
    """Return the objects with these names, or matching them, each once; `what` is the noun, such as "run in runs".

    Unknown names, and globs that match nothing, become problems.
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
            problems.append(Problem(name, f"is not a {what}{closest(name, known)}"))
    return [known[name] for name in chosen]


def folder_of(run: Path, runs: Path) -> Path:
    """Return a run by its folder, by its name in the folder of all runs, or as `zoo:NAME`; a bare name without a folder
    stays a name."""
    if str(run).startswith(ZOO):
        return in_zoo(run)
    named = (runs / run).exists() or len(run.parts) == 1
    return runs / run if named and not run.exists() else run


def in_zoo(run: Path) -> Path:
    """Return the folder of the shipped run that `zoo:NAME` means, and any other path unchanged.

    Raises UserError, with the closest names, if semreg ships no run of that name.
    """
    said = str(run)
    if not said.startswith(ZOO):
        return run
    names = zoo_names()
    if said not in names:
        raise UserError(said, f"semreg ships no trained run of that name{closest(said, names)}")
    return _ZOO / said.removeprefix(ZOO)


def name_of(folder: Path) -> str:
    """Return the text that opens a run's folder anywhere: `zoo:NAME` for a shipped one, otherwise its path."""
    return f"{ZOO}{folder.name}" if folder.resolve().parent == _ZOO.resolve() else str(folder)


def zoo_names() -> list[str]:
    """Return the trained runs that semreg ships, as `zoo:NAME`."""
    return sorted(f"{ZOO}{path.name}" for path in _ZOO.glob("[!._]*") if path.is_dir())
