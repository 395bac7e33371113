"""Limits on the size of a recipe: far above any real recipe, and small enough that a check takes seconds at most."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

from semreg.core import Problem, UserError
from semreg.recipe.names import near

TomlTable = dict[str, Any]
"""A TOML table: texts, numbers, truth values, lists and tables."""

LARGEST_FILE = 200_000
"""Bytes of a file."""
LONGEST_LINE = 10_000
"""Bytes of a line: the time of the standard library's parser is quadratic in the length of a key."""
DEEPEST_TABLE = 16
"""Depth of nested tables and lists."""
LONGEST_KEY = 100
"""Characters of a key."""
LARGEST_INTEGER = 2**63 - 1
"""The largest integer that TOML guarantees, and that a tensor's size may have."""
SMALLEST_NUMBER = 1.2e-38
"""The smallest normal float32; CPUs round smaller numbers to 0, or compute with them slowly."""
MOST_ENTRIES = 5_000
"""Keys and items of lists in a whole recipe, with `[each]` expanded."""
MOST_CHARACTERS = 500_000
"""Characters in all its texts together."""
DEEPEST_EXTENDS = 16
"""Length of a chain of recipes that extend each other."""
MOST_FILES = 64
"""Files that are read for one recipe."""


def read_toml(path: Path) -> TomlTable:
    """Return the table in a TOML file; a leading byte-order mark is ignored.

    Raises UserError if the file is missing, unreadable, not TOML or beyond the limits.
    """
    try:
        table = parse_toml(_read(path).decode("utf-8").removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(str(path), f"not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise UserError(str(path), f"not UTF-8 text (byte {error.start})") from None
    except FileNotFoundError:
        raise UserError(str(path), f"there is no such recipe{near(path)}") from None
    except (OSError, ValueError) as error:
        raise UserError(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    require_bounds(table, str(path))
    return table


def parse_toml(text: str) -> TomlTable:
    """Return the table in TOML text. Raises tomllib.TOMLDecodeError for any other text."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deeply") from None
    except ValueError as error:
        if isinstance(error, tomllib.TOMLDecodeError):
            raise
        raise tomllib.TOMLDecodeError(str(error).partition(";")[0]) from None  # more digits than Python allows


def _read(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):  # reading a device never ends, and reading a pipe may never start
        raise UserError(str(path), "cannot be read: it is not a file")
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    require_short(content, str(path))
    return content


def require_short(content: bytes, source: str) -> None:
    """Raise UserError if a text, or a line in it, is too long for a recipe."""
    if len(content) > LARGEST_FILE:
        raise UserError(source, f"larger than {LARGEST_FILE} bytes; expected a smaller file")
    for number, line in enumerate(content.split(b"\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise UserError(source, f"line {number} is longer than {LONGEST_LINE} bytes; expected a shorter one")


def require_bounds(table: TomlTable, source: str) -> None:
    """Raise UserError if a table is too deep or too large, or has a key or number beyond the limits."""
    entries = characters = 0
    pending: list[tuple[Any, str, int]] = [(table, "", 0)]
    while pending:
        value, where, depth = pending.pop()
        if depth > DEEPEST_TABLE:
            raise UserError(source, [Problem(where, f"more than {DEEPEST_TABLE} tables and lists inside each other")])
        if isinstance(value, dict):
            for key in value:
                if not (key.isprintable() and 0 < len(key) <= LONGEST_KEY):
                    message = f"{_shown(key)} is not a key; expected 1 to {LONGEST_KEY} printable characters"
                    raise UserError(source, [Problem(where, message)])
            inside = [(inner, f"{where}.{key}".lstrip("."), depth + 1) for key, inner in value.items()]
        else:
            inside = [(inner, where, depth + 1) for inner in value] if isinstance(value, list) else []
        if isinstance(value, int) and not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
            raise UserError(source, [Problem(where, "an integer beyond 64 bits, which TOML does not allow")])
        if isinstance(value, float) and 0 < abs(value) < SMALLEST_NUMBER:
            message = f"{value!r} is too small a number; float32 holds {SMALLEST_NUMBER:g} and above, and 0"
            raise UserError(source, [Problem(where, message)])
        entries += len(inside)
        characters += len(value) if isinstance(value, str) else 0
        if entries > MOST_ENTRIES or characters > MOST_CHARACTERS:
            too_much = f"more than {MOST_ENTRIES} entries or {MOST_CHARACTERS} characters; expected fewer"
            raise UserError(source, too_much)
        pending += inside


def _shown(key: str) -> str:
    return ascii(key if len(key) <= 40 else key[:37] + "...")
