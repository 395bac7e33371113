"""The distributions of this repository, as their pyproject.toml say."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PROJECTS: dict[Path, dict[str, Any]] = {
    path.parent: tomllib.loads(path.read_text())["project"]
    for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
}
"""By their folders."""
ALL = [re.split(r"[^\w-]", named)[0] for named in PROJECTS[ROOT]["optional-dependencies"]["all"]]
"""The plugins that `semreg[all]` brings."""


def installed(distribution: str) -> str:
    """A distribution with its version, as messages name it."""
    return f"{distribution} {metadata.version(distribution)}"


SEMREG = installed("semreg")
