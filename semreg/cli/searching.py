"""`semreg list --search`: the components whose name or docstring contains given words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from semreg.cli.output import columns
from semreg.cli.static import documentation_at
from semreg.core import UserError, closest
from semreg.core.registry import THIS_PROCESS, Component, load

TITLES = ("kind", "name", "from", "found in", "what it says")
PLACES = ("name", "first line", "text")
"""Places that the search looks at, the best first."""
WIDTH = 100
"""Most characters of a line of a docstring in the table."""


class Match(NamedTuple):
    """A component that the search found."""

    component: Component
    place: str
    line: str
    """The line of its docstring that was found, or the first."""


def search(found: Iterable[Component], text: str) -> list[Match]:
    """Return the components with all words of a text in their name, the first line of their docstring, or the whole.

    Matches in names come first, then those in first lines, then the others; in each group the words side by side come
    first. The function reads docstrings from source files, and imports nothing. Upper case, `_` and `-` make no
    difference. Raises UserError for a text without words, and, with the closest names, if nothing matches.
    """
    found = list(found)
    words = _plain(text).split()
    if not words:
        raise UserError("--search", f"{text!r} has no word to search for")
    ranked = []
    for component in found:
        for place, (where, line) in enumerate(_places(component)):
            rank = _rank(words, where)
            if rank is not None:
                said = line if PLACES[place] != "text" else _line(words, where)
                ranked.append((place, rank, Match(component, PLACES[place], said)))
                break
    if not ranked:
        near = closest("_".join(words), (component.name for component in found))
        raise UserError("--search", f"no component's name or documentation has {text!r}{near}")
    return [match for _, _, match in sorted(ranked, key=lambda one: one[:2])]


def table(matches: Iterable[Match]) -> str:
    """Return matches as the lines of a table."""
    rows = [
        (one.component.kind, one.component.name, one.component.origin, one.place, _shortened(one.line))
        for one in matches
    ]
    return "\n".join(columns([TITLES, *rows]))


def _places(component: Component) -> Iterator[tuple[str, str]]:
    """Yield the name, the first line and the whole docstring, each with the line to show if it matches."""
    if component.distribution == THIS_PROCESS:
        text = inspect.getdoc(load(component)) or ""
    else:
        text = documentation_at(component.target)
    first = " ".join(text.partition("\n\n")[0].split())
    yield component.name, first
    yield first, first
    yield text, first


def _rank(words: list[str], text: str) -> int | None:
    """Return 0 if a text has the words side by side, 1 if it has all of them anywhere, otherwise None."""
    plain = f" {_plain(text)} "
    if f" {' '.join(words)} " in plain:
        return 0
    return 1 if all(f" {word}" in plain for word in words) else None


def _line(words: list[str], text: str) -> str:
    """Return the sentence with the words side by side, or else the first with most of them."""
    sentences = re.split(r"(?<=\.)\s+|\n\n", text)

    def has(sentence: str) -> tuple[bool, int]:
        plain = f" {_plain(sentence)} "
        return f" {' '.join(words)} " in plain, sum(f" {word}" in plain for word in words)

    return " ".join(max(sentences, key=has).split())


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def _shortened(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1].rstrip()}…"
