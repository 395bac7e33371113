"""Checks of searches, which choose the values of a sweep."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from semreg.core import Range, Search
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation
from semreg.testing.interfaces import require_interface

TRIALS = 15
"""Trials of a search; more than many searches draw at random before they learn."""
SPACE: dict[str, Range | Sequence[Any]] = {
    "optimizer.lr": Range(1e-4, 1e-1, log=True),
    "losses.kl.weight": Range(-0.5, 1.5),
    "modules.encoder.size": Range(2, 9),
    'modules."a b".use': ["mlp", "conv", True, 1, 1.0, [64, 64], {"use": "x"}],
}


def check_search(search: type[Search], words: str = "", *, exempt: Collection[str] = ()) -> None:
    """Check a search: it suggests values of its space, and a new instance continues from its folder.

    Checks: "documentation", "interface" (`semreg.core.Search`), "words" (unsupported ones raise ValueError and leave no
    folder), "space" (numbers lie in their ranges, those of whole ranges are ints, and values are from the list), "kept"
    (a new instance has all suggestions, figures and prunings), "goes on" (an instance recreated after each suggestion
    makes the same suggestions, given the same figures) and "pruning" (a search that prunes gives up a trial whose
    losses are far above all others').

    Args:
        search: the object that the entry point names.
        words: the words after its name in `--search`.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    checks = Checks(search.__name__, exempt)
    checks.run("documentation", check_documentation, search)
    for check, done in {
        "interface": _check_interface,
        "words": _check_words,
        "space": _check_space,
        "kept": _check_kept,
        "goes on": _check_going_on,
        "pruning": _check_pruning,
    }.items():
        checks.run(check, _in_a_folder, done, search, words)
    checks.end()


def _in_a_folder(check: Any, search: type[Search], words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(search, words, Path(folder) / "search")


def _made(search: type[Search], words: str, folder: Path, *, higher: bool = False) -> Search:
    return search(words, space=SPACE, higher=higher, folder=folder)


def _check_interface(search: type[Search], words: str, folder: Path) -> None:
    made = _made(search, words, folder)
    require_interface(made, Search)
    require(isinstance(made.prunes, bool), f"prunes is {made.prunes!r}, and says whether it prunes")
    require(not folder.exists(), "it makes its folder before it is asked or told something")


def _check_words(search: type[Search], words: str, folder: Path) -> None:
    with suppress(ValueError):
        _made(search, "no:such=words", folder)
        require(False, "words that mean nothing raise no ValueError")
    require(not folder.exists(), "it makes its folder for words that mean nothing")


def _check_space(search: type[Search], words: str, folder: Path) -> None:
    for number, values in enumerate(_suggested(search, words, folder)):
        require(values.keys() == SPACE.keys(), f"suggestion {number} has values for {', '.join(values)}")
        for key, value in values.items():
            allowed = SPACE[key]
            if not isinstance(allowed, Range):
                same = [one for one in allowed if type(one) is type(value) and one == value]
                require(bool(same), f"{value!r} is none of the values of {key}")
                continue
            require(
                allowed.low <= value <= allowed.high, f"{key} = {value!r} is not from {allowed.low} to {allowed.high}"
            )
            kind = int if allowed.whole else float
            require(type(value) is kind, f"{key} = {value!r} is of type {type(value).__name__}, not {kind.__name__}")


def _check_kept(search: type[Search], words: str, folder: Path) -> None:
    made = _made(search, words, folder)
    asked = [made.ask() for _ in range(3)]
    made.tell(asked[0].number, 0.5)
    made.tell(asked[1].number, None)
    again = _made(search, words, folder).suggestions()
    expected = [replace(asked[0], state="told"), replace(asked[1], state="pruned"), asked[2]]
    require(list(again) == expected, f"of three suggestions, one told, one pruned and one asked, it keeps {again}")


def _check_going_on(search: type[Search], words: str, folder: Path) -> None:
    straight, anew = (
        _suggested(search, words, folder.with_name(name), anew=name == "anew") for name in ("straight", "anew")
    )
    different = next((k for k in range(TRIALS) if straight[k] != anew[k]), None)
    require(different is None, f"made again after each suggestion, it suggests other values from {different} on")
    require(len({repr(values) for values in anew}) > 1, "made again after each suggestion, it repeats itself")


def _check_pruning(search: type[Search], words: str, folder: Path) -> None:
    if not _made(search, words, folder).prunes:
        return
    for higher in (False, True):
        made = _made(search, words, folder.with_name(f"higher-{higher}"), higher=higher)
        for _ in range(TRIALS):
            number = made.ask().number
            for epoch in range(1, 10):
                made.gives_up(number, epoch, 1 / epoch)
            made.tell(number, 0.5)
        number = made.ask().number
        given_up = [made.gives_up(number, epoch, 1000.0) for epoch in range(1, 10)]
        way = "high" if higher else "low"
        require(any(given_up), f"losses far above all others' are not given up, where a {way} figure is good")


def _suggested(search: type[Search], words: str, folder: Path, *, anew: bool = False) -> list[Mapping[str, Any]]:
    """Return the values of a search that receives their figures; optionally a new instance suggests each time."""
    made, found = _made(search, words, folder), []
    for _ in range(TRIALS):
        made = _made(search, words, folder) if anew else made
        suggestion = made.ask()
        found.append(suggestion.values)
        made.tell(suggestion.number, _figure(suggestion.values))
    return found


def _figure(values: Mapping[str, Any]) -> float:
    return float(abs(math.log10(values["optimizer.lr"]) + 2) + abs(values["losses.kl.weight"]))
