"""The installed plugins, and whether they can be used."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from semreg.cli.commands import GROUP, can_type
from semreg.core import UserError
from semreg.core.kinds import KINDS
from semreg.core.registry import (
    INTERFACE_GROUP,
    OWN_DISTRIBUTION,
    InstalledEntryPoint,
    import_target,
    installed_entry_points,
    normalised,
    unreadable_metadata,
    wrong_interface,
)
from semreg.recipe.expression import why_unsaid

READY = "ready"
OFF = "off: SEMREG_PLUGINS does not name it"


@dataclass(frozen=True)
class Plugin:
    """A distribution with entry points: their names by kind ("loss", "command", "hook"), and reasons not to use it."""

    distribution: str
    version: str
    brings: dict[str, list[str]]
    problems: tuple[str, ...]

    @property
    def state(self) -> str:
        return "; ".join(self.problems) or READY


def installed_plugins(*, load: bool = False) -> list[Plugin]:
    """Return all installed plugins by name, also those that are off; the core is not one.

    All packages with unreadable metadata follow, plugins or not, by the folder of their metadata. `load` imports every
    component, and reports a failed import as a problem of its plugin; without it nothing is imported.
    """
    everything = installed_entry_points(also_off=True)
    on = {point.origin for point in installed_entry_points()}
    claims = Counter(_claim(point) for point in everything if point.origin in on)
    grouped: dict[str, list[InstalledEntryPoint]] = {}
    for point in sorted(everything, key=lambda point: (point.distribution.lower(), point.group, point.name)):
        if point.distribution != OWN_DISTRIBUTION:
            grouped.setdefault(point.origin, []).append(point)
    found = []
    for origin, points in grouped.items():
        brings: dict[str, list[str]] = {}
        for point in points:
            if point.group != INTERFACE_GROUP:
                brings.setdefault(_kind(point), []).append(point.name)
        problems = (OFF,) if origin not in on else tuple(dict.fromkeys(_problems(points, claims, load)))
        found.append(Plugin(points[0].distribution, points[0].version, brings, problems))
    found += [Plugin(folder, "", {}, (f"passed over: {why}",)) for folder, why in sorted(unreadable_metadata().items())]
    return found


def not_installed() -> list[str]:
    """Return the names in SEMREG_PLUGINS that aren't installed, or have no entry points."""
    installed = {normalised(point.distribution) for point in installed_entry_points(also_off=True)}
    named = filter(None, map(str.strip, os.environ.get("SEMREG_PLUGINS", "").split(",")))
    return [name for name in named if normalised(name) not in installed]


def _problems(points: list[InstalledEntryPoint], claims: Counter[tuple[str, str]], load: bool) -> Iterator[str]:
    refused = wrong_interface(points[0].origin)
    if refused:
        yield f"refused: {refused}"
        return
    for point in points:
        if point.group == INTERFACE_GROUP:
            continue
        unusable = _why_unusable(point)
        if unusable:
            yield f"unusable: {unusable}"
            continue
        if claims[_claim(point)] > 1:
            others = sorted(
                {other.origin for other in installed_entry_points() if _claim(other) == _claim(point)} - {point.origin}
            )
            yield f"{_kind(point)} {point.name!r} is claimed by {' and '.join(others)}, too"
        package = point.value.partition(":")[0].partition(".")[0].strip()
        if not package.isidentifier() or not _is_installed(package):
            yield f"broken: there is no package {package or repr(package)}"
        elif load:
            try:
                import_target(f"{_kind(point)} {point.name!r}", point.value, point.origin)
            except UserError as error:
                yield f"broken: {error.problems[0].message}"


def _why_unusable(point: InstalledEntryPoint) -> str:
    """Return why neither a recipe nor a command line can write the name of an entry point; "" if one can."""
    kind = KINDS.get(_kind(point))
    if kind is None:
        typed = point.group != GROUP or can_type(point.name)
        return (
            ""
            if typed
            else f"nobody can type command {point.name!r}; one word of printable characters fits, without - before it"
        )
    unsaid = why_unsaid(point.name, kind.place)
    return unsaid and f"no recipe can say {kind.name} {point.name!r}; {unsaid}"


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None  # imports nothing, as the name has no dots
    except ValueError:  # it is imported already, and its __spec__ is None
        return True


def _kind(point: InstalledEntryPoint) -> str:
    """Return the kind of component, or the name of any other group in the singular."""
    of_group = {kind.group: kind.name for kind in KINDS.values()}
    return of_group.get(point.group, point.group.partition(".")[2].removesuffix("s"))


def _claim(point: InstalledEntryPoint) -> tuple[str, str]:
    """Return a key that only one distribution may have: name and place; hooks and interfaces are never in conflict."""
    kind = KINDS.get(_kind(point))
    if kind is not None:
        return kind.place, point.name
    return (point.group, point.name if point.group == GROUP else f"{point.name} of {point.origin}")
