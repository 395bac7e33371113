"""`semreg list --search`: which components speak of something, by their names and what their sources say of them."""

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
"""Where words are looked for, the best place first."""
WIDTH = 100
"""Characters of what is shown of a text."""


class Match(NamedTuple):
    """A component that speaks of what was searched."""

    component: Component
    place: str
    line: str
    """Of its documentation: the one that was found, or the first."""


def search(found: Iterable[Component], text: str) -> list[Match]:
    """The components that have all words of a text in one place: in their name before the first line of their
    documentation, and that before the rest of it; in each, those that have the words side by side come first.

    Documentation is read from source files, and nothing is imported for it. Upper case, `_` and `-` make no difference.
    Raises UserError, with the closest names, for a text that nothing speaks of, or without words.
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
    """What was found, as lines for people."""
    rows = [
        (one.component.kind, one.component.name, one.component.origin, one.place, _shortened(one.line))
        for one in matches
    ]
    return "\n".join(columns([TITLES, *rows]))


def _places(component: Component) -> Iterator[tuple[str, str]]:
    """The name, the first line and the whole text, with the line that is shown where the words are found there."""
    if component.distribution == THIS_PROCESS:
        text = inspect.getdoc(load(component)) or ""
    else:
        text = documentation_at(component.target)
    first = " ".join(text.partition("\n\n")[0].split())
    yield component.name, first
    yield first, first
    yield text, first


def _rank(words: list[str], text: str) -> int | None:
    """0 for words side by side, 1 for all of them anywhere, None otherwise."""
    plain = f" {_plain(text)} "
    if f" {' '.join(words)} " in plain:
        return 0
    return 1 if all(f" {word}" in plain for word in words) else None


def _line(words: list[str], text: str) -> str:
    """The sentence that has the words side by side, else the first that has most of them."""
    sentences = re.split(r"(?<=\.)\s+|\n\n", text)

    def has(sentence: str) -> tuple[bool, int]:
        plain = f" {_plain(sentence)} "
        return f" {' '.join(words)} " in plain, sum(f" {word}" in plain for word in words)

    return " ".join(max(sentences, key=has).split())


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def _shortened(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1].rstrip()}…"
