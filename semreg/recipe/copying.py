"""A recipe's text as it stands in another folder: comments and all, what it names written so that it is found there."""

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
    """The text of the recipe at `path` for a file in `folder`.

    What it extends, its judges, and recipes whose weights it takes are names where they are shipped, and else paths
    from there. Raises AmbiguousNameError for a name that is also a file's.
    """

    def rewritten(found: re.Match[str]) -> str:
        def one(text: re.Match[str]) -> str:
            return json.dumps(said_from(text[2], found["key"], path.parent, folder), ensure_ascii=False)

        return found["head"] + _TEXT.sub(one, found["value"])

    return _NAMES.sub(rewritten, path.read_text(encoding="utf-8"))
