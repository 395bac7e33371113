"""Reads a component's own docstring: its first sentence, and its paper."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

_SOURCE = re.compile(r"\b(?:Source|Paper)(?: throughout)?: +(.+)", re.DOTALL)
_SENTENCE = re.compile(r".+?\.(?=\s+[A-ZΑ-Ω`]|\s*$)", re.DOTALL)
_PLACE = re.compile(
    r"(?:Eqs?\.|[Ss]ections?|Algorithm|Tables?|Figures?) (?:[\d.–]*\d|[IVX]+)(?:(?:,| and| to) [\d.–]*\d)*"
)


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, on one line; else its first paragraph."""
    paragraph = text.split("\n\n", 1)[0]
    found = _SENTENCE.match(paragraph)
    return " ".join((found.group() if found else paragraph).split())


def source_of(value: Any, documentation: str) -> str | None:
    """Return the sentence after `Source:` (or `Source throughout:`, `Paper:`) in the docstring of a component.

    Otherwise return that of its module or package, with the place in that paper that the component names: an equation,
    a section, a table or a figure.
    """
    own = _named(documentation)
    if own:
        return own
    module = getattr(value, "__module__", None) or ""
    outer = [inspect.getdoc(sys.modules.get(name)) or "" for name in (module, module.partition(".")[0])]
    paper = next(filter(None, map(_named, outer)), None)
    if paper is None:
        return None
    places = next(filter(None, map(_places, [documentation, first_sentence(outer[0])])), "")
    return f"{paper.removesuffix('.')}, {places}." if places else paper


def _named(documentation: str) -> str | None:
    found = _SOURCE.search(documentation)
    return first_sentence(found.group(1)) if found else None


def _places(documentation: str) -> str:
    """Return the places in a paper from the first sentence of a docstring that has any."""
    for sentence in _SENTENCE.findall(documentation.partition("\nArgs:")[0]):
        places = _PLACE.findall(sentence)
        if places:
            return ", ".join(dict.fromkeys(places))
    return ""
