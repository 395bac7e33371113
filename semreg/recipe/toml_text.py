"""Writes a recipe's table as the TOML that a person would write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
WIDEST = 100
"""The most characters of a table on one line."""
TITLED = 2
"""Tables up to this depth have a heading, even small ones."""


def toml_text(table: Mapping[str, Any]) -> str:
    """Return the TOML text of a table: texts, numbers, truth values, lists and tables; None is left out.

    Small tables at a deep level, such as the losses that train a module, are on one line.
    """
    return "\n".join(_lines(table, ())).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], where: tuple[str, ...]) -> Iterator[str]:
    known = {key: value for key, value in table.items() if value is not None}
    titled = {key: value for key, value in known.items() if _has_title(value, key, len(where) + 1)}
    own = {key: known[key] for key in sorted(known, key=lambda key: key != "use") if key not in titled}
    if where and (own or not titled):
        yield f"\n[{'.'.join(map(_key, where))}]"
    for key, value in own.items():
        yield f"{_key(key)} = {toml_value(value)}"
    for key, value in titled.items():
        yield from _lines(value, (*where, key))


def _has_title(value: Any, key: str, depth: int) -> bool:
    if not isinstance(value, Mapping) or (not value and depth > 1):
        return False
    small = len(key) + len(toml_value(value)) + 3 <= WIDEST
    return depth <= TITLED or not small


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def toml_value(value: Any) -> str:
    """Return a text, number, truth value, list or table as TOML on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {toml_value(one)}" for key, one in value.items() if one is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(toml_value(one) for one in value if one is not None)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
