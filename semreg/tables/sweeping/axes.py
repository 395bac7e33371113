"""The axes of a sweep: keys of a recipe with their values, from `--vary` or Python, and the names of rows."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semreg.core import Range, UserError
from semreg.recipe.bounds import parse_toml
from semreg.recipe.from_python import plain
from semreg.recipe.toml_text import toml_value

POINTS = 5
"""The points of a range that doesn't state their number."""
MOST_POINTS = 100
LONGEST_NAME = 100
"""Characters of a row's name, which names folders."""
_FITS = "write KEY=[VALUE, VALUE] in TOML's notation, or KEY=LOW..HIGH[:log][:POINTS]"
_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+?)(?P<log>:log)?(?::(?P<points>\d{1,9}))?")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Axis:
    """A key of a recipe, part by part, and its different values in a sweep; for a search's range the ends."""

    key: tuple[str, ...]
    values: tuple[Any, ...]
    range: Range | None = None

    @property
    def dotted(self) -> str:
        """The key as a recipe has it."""
        return dotted(self.key)


def dotted(parts: Iterable[str]) -> str:
    """Join the parts of a key as in TOML."""
    return ".".join(part if _BARE.fullmatch(part) else toml_value(part) for part in parts)


def axes_of(said: Sequence[str] | Mapping[str, Any], *, searched: bool = False) -> list[Axis]:
    """Return the axes that texts such as "optimizer.lr=1e-4..1e-2:log" mean, or a mapping from keys to values or
    ranges.

    A range has 5 points unless it states their number, evenly spaced, or with equal ratios if `log`; integer ends give
    integers, other points are rounded to six digits, those of equal ratios to three. A `searched` range has no points.
    Raises UserError for an invalid key, one without two different values, a repeated key, and the run's seed.
    """
    if isinstance(said, Mapping):
        axes = [_axis(str(key), values, searched) for key, values in said.items()]
    else:
        axes = [_axis(key, values.strip(), searched) for key, _, values in (text.partition("=") for text in said)]
    if not axes:
        raise UserError("--vary", f"no key to vary is given; {_FITS}")
    for one, other in itertools.combinations(axes, 2):
        shared = min(len(one.key), len(other.key))
        if one.key[:shared] == other.key[:shared]:
            message = f"{one.dotted} is varied twice; give all its values at once"
            if one.key != other.key:
                outer, inner = sorted((one, other), key=lambda axis: len(axis.key))
                message = f"{inner.dotted} is a part of {outer.dotted}; vary one of the two"
            raise UserError("--vary", message)
    if any(axis.key == ("seed",) for axis in axes):
        message = (
            "a sweep doesn't vary the seed; --seeds 3, or --seeds 0,1,5, trains each row with all and ranks the means"
        )
        raise UserError("--vary seed", message)
    return axes


def _axis(key: str, said: Any, searched: bool) -> Axis:
    where = f"--vary {key:.80}"
    if isinstance(said, str):
        found = None if said.startswith("[") else _RANGE.fullmatch(said)
        if found and searched:
            numbers = _range(found, where)
            if found["points"]:
                message = f"{said}: a search chooses any numbers of a range; leave :{found['points']} out"
                raise UserError(where, message)
            return Axis(_parts(key, where), (numbers.low, numbers.high), numbers)
        values = _points(found, where) if found else _listed(said, where)
    else:
        values = plain(said.tolist() if hasattr(said, "tolist") else said, where)
        if not isinstance(values, list):
            raise UserError(where, f"{said!r:.60} is not a list of values, or a text such as '1e-4..1e-2:log'")
    written = [toml_value(value) for value in values]
    twice = next((text for text in written if written.count(text) > 1), None)
    if twice is not None:
        raise UserError(where, f"{twice} occurs twice")
    if len(values) < 2:
        raise UserError(where, f"{len(values)} value{'s'[: len(values) != 1]}; two at least can be compared")
    return Axis(_parts(key, where), tuple(values))


def _parts(key: str, where: str) -> tuple[str, ...]:
    try:
        table: Any = parse_toml(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        raise UserError(where, f"{key!r:.80} is not a key of a recipe; {_FITS}") from None
    parts = []
    while isinstance(table, dict):
        [(part, table)] = table.items()
        parts.append(part)
    return tuple(parts)


def _listed(said: str, where: str) -> list[Any]:
    try:
        values = parse_toml(f"values = {said}")["values"]
    except tomllib.TOMLDecodeError:
        values = None
    if not isinstance(values, list):
        raise UserError(where, f"{said!r:.80}: {_FITS}; write texts in quotes")
    return values


# --- ranges ---


def _range(said: re.Match[str], where: str) -> Range:
    found = Range(_end(said["low"], where), _end(said["high"], where), log=bool(said["log"]))
    if not found.low < found.high:
        raise UserError(where, f"{said[0]} doesn't ascend; expected LOW below HIGH")
    if found.log and found.low <= 0:
        raise UserError(where, f"{said[0]}: a logarithmic range must start above 0")
    return found


def _points(said: re.Match[str], where: str) -> list[Any]:
    numbers, points = _range(said, where), int(said["points"] or POINTS)
    low, high = numbers.low, numbers.high
    if not 2 <= points <= MOST_POINTS:
        raise UserError(where, f"{points} points; a range has 2 to {MOST_POINTS}")
    inner = [_between(low, high, k / (points - 1), ratios=numbers.log) for k in range(1, points - 1)]
    found = [low, *(rounded(one, numbers) for one in inner), high]
    different = list(dict.fromkeys(found))
    if different != sorted(different) or (len(different) < points and (said["points"] or not numbers.whole)):
        raise UserError(where, f"{said[0]} has no {points} different points")
    return different


def rounded(value: float, numbers: Range) -> int | float:
    """Round a number of a range to the digits that a row shows: integer, or six, or three if it is logarithmic."""
    if numbers.whole:
        return round(value)
    shown = float(f"{value:.{3 if numbers.log else 6}g}")
    return min(max(shown, float(numbers.low)), float(numbers.high))


def _end(text: str, where: str) -> int | float:
    try:
        value = parse_toml(f"end = {text}")["end"]
    except tomllib.TOMLDecodeError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(where, f"{text!r:.40} is no number; {_FITS}")
    return value


def _between(low: float, high: float, share: float, *, ratios: bool) -> float:
    if ratios:
        return math.exp(math.log(low) * (1 - share) + math.log(high) * share)
    return low * (1 - share) + high * share


# --- rows ---


def short_keys(axes: Sequence[Axis]) -> list[str]:
    """Return the last parts of each key, as few as distinguish it from the others."""
    return [_short(axis.key, [other.key for other in axes if other is not axis]) for axis in axes]


def _short(key: tuple[str, ...], others: Iterable[tuple[str, ...]]) -> str:
    return next(
        ".".join(key[-count:])
        for count in range(1, len(key) + 1)
        if count == len(key) or not any(other[-count:] == key[-count:] for other in others)
    )


def row_title(keys: Sequence[str], values: Sequence[Any]) -> str:
    """Return a row's title, such as "kl = 0.1, lr = 0.01"."""
    return ", ".join(f"{key} = {_shown(value)}" for key, value in zip(keys, values, strict=True))


def row_names(recipe: str, titles: Sequence[str]) -> list[str]:
    """Return a name for each row, of plain letters, by its title; a hash distinguishes names that would be equal."""
    names = [f"{recipe}-{_plain_letters(title)}" for title in titles]
    return [
        name
        if names.count(name) == 1 and len(name) <= LONGEST_NAME
        else f"{name[:LONGEST_NAME]}-{hashlib.sha256(title.encode()).hexdigest()[:6]}"
        for name, title in zip(names, titles, strict=True)
    ]


def _plain_letters(title: str) -> str:
    parts = (re.sub(r"[^A-Za-z0-9.-]+", "_", part).strip("_") for part in title.split(", "))
    return "-".join(parts)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else toml_value(value)
