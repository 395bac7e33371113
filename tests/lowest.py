"""Prints the lowest versions that the pyproject.toml of semreg and its usual plugins allow, as constraints for pip."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.projects import ALL, PROJECTS, ROOT


def lowest(requirements: Iterable[str]) -> dict[str, str]:
    """The lowest version of each distribution but ours that suits all requirements on it."""
    found: dict[str, str] = {}
    for name, version in re.findall(r"^([\w-]+)(?:\[.*\])?>=([\d.]+)", "\n".join(requirements), re.MULTILINE):
        if not name.startswith("semreg"):
            found[name] = max(version, found.get(name, "0"), key=lambda text: [int(part) for part in text.split(".")])
    return found


def requirements() -> Iterable[str]:
    """What semreg, its tests and the plugins of `semreg[all]` require."""
    extras = PROJECTS[ROOT]["optional-dependencies"]
    yield from [*PROJECTS[ROOT]["dependencies"], *extras["test"], *extras["tensorboard"]]
    for name in ALL:
        yield from PROJECTS[ROOT / "plugins" / name]["dependencies"]


if __name__ == "__main__":
    print("\n".join(f"{name}=={version}" for name, version in sorted(lowest(requirements()).items())))
