"""Copies a recipe's text to another folder: with its comments, and with references that are valid there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from semreg.recipe.names import said_from

_NAMES = re.compile(
    r"""(?P<head>(?<![\w-])(?P<key>extends|judge|weights)["']?\s*=\s*)(?P<value>"[^"\n]*"|'[^'\n]*'|\[[^\]]*\])"""
)
_TEXT = re.compile(r"""(["'])(.*?)\1""")


def copied_text(path: Path, folder: Path) -> str:
    """Return the text of the recipe at `path` for a file in `folder`.

    It refers to the recipes that it extends, its judges, and the recipes of its weights by name if they are shipped,
    else by a path from `folder`. Raises AmbiguousNameError for a name that is also a file's.
    """

    def rewritten(found: re.Match[str]) -> str:
        def one(text: re.Match[str]) -> str:
            return json.dumps(said_from(text[2], found["key"], path.parent, folder), ensure_ascii=False)

        return found["head"] + _TEXT.sub(one, found["value"])

    return _NAMES.sub(rewritten, path.read_text(encoding="utf-8"))
