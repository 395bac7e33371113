"""Binary attributes in usual notations: 0 and 1, -1 and 1, true and false, yes and no; and unknown values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from semreg.core import Problem
from semreg.data.files import quoted

WORDS = {"true": 1, "yes": 1, "false": 0, "no": 0}
"""In lower case."""
ABSENT, PRESENT, MINUS, UNKNOWN = 0, 1, -1, 2

Bits = npt.NDArray[np.uint8]


class Attributes(NamedTuple):
    """Attributes 0 or 1, uint8 `(rows, attributes)`, and which of them are known; None if all are."""

    present: Bits
    known: Bits | None


def read_attributes(
    columns: Mapping[str, Sequence[str]], lines: Sequence[int], unknown: Collection[str] | None = None
) -> Attributes | list[Problem]:
    """Return the columns of a table as attributes, or their errors; `lines` are the lines of the table's rows.

    A blank and the values in `unknown` are unknown. -1 means "absent" in a table without 0; in a column with both it is
    unknown. Unknown values become 0.
    """
    nothing = {"", *(unknown or ())}
    codes = {name: {value: _code(value, nothing) for value in set(column)} for name, column in columns.items()}
    found = {name: {code for code in table.values() if code is not None} for name, table in codes.items()}
    minus_is_unknown = any({MINUS, ABSENT} <= code for code in found.values()) and unknown is None
    absent = MINUS if any(MINUS in code for code in found.values()) and not minus_is_unknown else ABSENT
    fits = {absent, PRESENT, UNKNOWN} | ({MINUS} if minus_is_unknown else set())
    problems = []
    for name, column in columns.items():
        wrong = {value for value, code in codes[name].items() if code not in fits}
        row = next((row for row, value in enumerate(column) if value in wrong), None)
        if row is not None:
            where = f"line {lines[row]}: {quoted(column[row])}"
            advice = (
                "a column of classes is named in `classes`, another one in `drop`, what means not known in `unknown`"
            )
            if codes[name][column[row]] == ABSENT:
                advice = 'if -1 means not known, write `unknown = ["-1"]` under [data]'
            elif codes[name][column[row]] is None and unknown is None:
                advice += f' (as `unknown = ["{column[row]}"]`)' if len(column[row]) <= 12 else ""
            problems.append(Problem(name, f"{where} is neither {absent} nor 1; {advice}"))
        elif not found[name] - {UNKNOWN} - ({MINUS} if minus_is_unknown else set()):
            problems.append(Problem(name, "no value is known; name the column in `drop`"))
    if problems:
        return problems
    lookup = {ABSENT: 0, MINUS: UNKNOWN if minus_is_unknown else 0, PRESENT: 1, UNKNOWN: UNKNOWN}
    values = np.stack(
        [
            np.array([lookup[codes[name][value] or 0] for value in column], dtype=np.uint8)
            for name, column in columns.items()
        ],
        axis=1,
    )
    known = (values != UNKNOWN).astype(np.uint8)
    return Attributes(values * known, None if known.all() else known)


def _code(value: str, unknown: Collection[str]) -> int | None:
    """Return the code of a value, or None if it is not a value of an attribute."""
    word = value.lower()
    if value in unknown:
        return UNKNOWN
    if word in WORDS:
        return WORDS[word]
    try:
        number = float(value)
    except ValueError:
        return None
    if "-1" in unknown and number == MINUS:
        return UNKNOWN
    return int(number) if number in (ABSENT, PRESENT, MINUS) else None
