"""The registry: components by kind and name. It lists them from installed metadata and imports one at a time.

A plugin adds a component by an entry point in the group of its kind (`semreg/core/kinds.py`); a notebook registers one
for its own process with `register`. The environment variable `SEMREG_PLUGINS=semreg-olr,semreg-avatars` switches all
other plugins off.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

from semreg.core.errors import UserError, cause_of, closest
from semreg.core.kinds import INTERFACE, KINDS, at_place
from semreg.core.version import __version__

OWN_DISTRIBUTION = "semreg"
INTERFACE_GROUP = "semreg.interface"
THIS_PROCESS = "this process"

_registered: dict[str, Any] = {}  # kind -> catalogue.Registry, made by the first `register` of the kind


@dataclass(frozen=True)
class Component:
    """A component's entry in installed metadata; `target` is `module:attribute`."""

    kind: str
    name: str
    distribution: str
    version: str
    target: str

    @property
    def origin(self) -> str:
        """The distribution and its version, as messages name it."""
        return f"{self.distribution} {self.version}".strip()


class UnknownComponentError(LookupError):
    """A name that no component of the given kinds has."""


class AmbiguousComponentError(LookupError):
    """A name that two distributions claim."""


def components(kind: str | None = None) -> list[Component]:
    """List all components, or those of one kind, sorted by kind and name, without importing them.

    Raises UnknownComponentError if the kind doesn't exist.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownComponentError(f"no kind of component is called {kind!r}{closest(kind, KINDS)}")
    groups = {entry.group: entry.name for entry in KINDS.values()}
    found = [
        Component(groups[point.group], point.name, point.distribution, point.version, point.value)
        for point in installed_entry_points()
        if point.group in groups
    ]
    found += _components_of_this_process()
    order = {name: position for position, name in enumerate(KINDS)}
    chosen = (component for component in found if kind is None or component.kind == kind)
    return sorted(chosen, key=lambda c: (order[c.kind], c.name, c.distribution))


def find(name: str, kinds: Sequence[str]) -> Component:
    """Return the component called `name` among `kinds`, which share a place in a recipe and therefore their names.

    Raises UnknownComponentError with the closest names, or AmbiguousComponentError if several components claim the name
    (both are LookupErrors).
    """
    everything = components()
    named = [component for component in everything if component.name == name]
    matching = [component for component in named if component.kind in kinds]
    if len(matching) > 1:
        claims = " and by ".join(f"{c.origin} ({with_article(c.kind)}, {c.target})" for c in matching)
        raise AmbiguousComponentError(
            f"{name!r} is claimed by {claims}; uninstall one of them, or switch it off by SEMREG_PLUGINS"
        )
    if matching:
        return matching[0]
    message = f"no {_either(kinds)} is called {name!r}"
    if named:
        elsewhere = " and ".join(f"{with_article(c.kind)} of {c.origin}" for c in named)
        raise UnknownComponentError(f"{message}: it is {elsewhere}")
    groups = {KINDS[kind].group for kind in kinds}
    off = [p.origin for p in installed_entry_points(also_off=True) if p.group in groups and p.name == name]
    if off:
        raise UnknownComponentError(f"{message}: it is one of {' and '.join(off)}, which SEMREG_PLUGINS switches off")
    raise UnknownComponentError(message + closest(name, (c.name for c in everything if c.kind in kinds)))


def load(component: Component) -> Any:
    """Import one component and return its function or class.

    Raises UserError if the import fails; it names the distribution, the cause and how to remove the distribution.
    """
    if component.distribution == THIS_PROCESS:
        return _registered[component.kind].get(component.name)
    return import_target(f"{component.kind} {component.name!r}", component.target, component.origin)


def register(kind: str, name: str, value: Any) -> None:
    """Register a function or class under `name` for this process only; the same module may register it again.

    Raises UnknownComponentError if the kind doesn't exist, ValueError if the name is taken at the kind's place.
    """
    if kind not in KINDS:
        raise UnknownComponentError(f"no kind of component is called {kind!r}{closest(kind, KINDS)}")
    module = getattr(value, "__module__", "?")
    for taken in components():
        again = taken.origin == THIS_PROCESS and taken.kind == kind and taken.target.partition(":")[0] == module
        if taken.name == name and taken.kind in at_place(KINDS[kind].place) and not again:
            raise ValueError(f"{name!r} is {with_article(taken.kind)} of {taken.origin} already; choose another name")
    if kind not in _registered:
        import catalogue

        # entry_points=False: catalogue's own search would import every plugin to word an error.
        _registered[kind] = catalogue.create(*KINDS[kind].group.split("."), entry_points=False)
    _registered[kind].register(name, func=value)


@dataclass(frozen=True)
class InstalledEntryPoint:
    """One entry point of an installed distribution, in a group that starts with `semreg.`."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """The distribution and its version, as messages name it."""
        return f"{self.distribution} {self.version}"


def installed_entry_points(group: str | None = None, *, also_off: bool = False) -> list[InstalledEntryPoint]:
    """List the entry points of all distributions in semreg's groups, or in one group, without importing them.

    `also_off` includes those of plugins that SEMREG_PLUGINS switches off.
    """
    points, _ = _scan(tuple(sys.path), None if also_off else os.environ.get("SEMREG_PLUGINS"))
    return [point for point in points if group is None or point.group == group]


def unreadable_metadata() -> dict[str, str]:
    """Return why the metadata of some packages can't be read, by their folders; these packages are skipped."""
    return dict(_scan(tuple(sys.path), None)[1])


def wrong_interface(origin: str) -> str:
    """Return why a distribution written for a different interface can't be used here; empty if it can."""
    points = installed_entry_points(INTERFACE_GROUP, also_off=True)
    declared = sorted(point.name for point in points if point.origin == origin)
    if not declared or str(INTERFACE) in declared:
        return ""
    has = f"semreg {__version__} has interface {INTERFACE}"
    cure = f"install another version of semreg, or of {origin.split(' ', maxsplit=1)[0]}"
    return f"it is written for interface {' and '.join(declared)} of semreg, and {has}; {cure}"


def import_target(what: str, target: str, origin: str) -> Any:
    """Import `module:attribute` of a distribution; a failure becomes a UserError that names the distribution.

    Raises UserError, before the import, for a distribution written for a different interface.
    """
    refused = wrong_interface(origin)
    if refused:
        raise UserError(origin, f"its {what} can't be used: {refused}")
    try:
        return metadata.EntryPoint(name=what, value=target, group="semreg").load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and what plugins make up, too
        cause = cause_of(error, UserError)
        distribution = origin.split(" ", maxsplit=1)[0]
        cure = f"reinstall {distribution}, or remove it with `pip uninstall {distribution}`"
        raise UserError(origin, f"its {what} cannot be imported from {target} ({cause}); {cure}") from error


def with_article(noun: str) -> str:
    """Put an article before a noun: `a loss`, `an encoder`."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


@lru_cache(maxsize=2)
def _scan(path: tuple[str, ...], switched_on: str | None) -> tuple[list[InstalledEntryPoint], dict[str, str]]:
    """List the entry points on `path`, with the first of two copies of a distribution, and its unreadable folders."""
    allowed = {normalised(name) for name in (OWN_DISTRIBUTION, *(switched_on or "").split(","))}
    seen: set[str] = set()
    found: list[InstalledEntryPoint] = []
    unreadable: dict[str, str] = {}
    for distribution in metadata.distributions(path=list(path)):
        text = ""
        try:
            text = distribution.read_text("entry_points.txt") or ""
            # Reading metadata is the slow part: once, and only of those that bring something.
            if "semreg." not in text:
                continue
            name, version = (read := distribution.metadata)["Name"], read["Version"]
            if not (name and version):
                raise ValueError("its metadata lack a name or a version")
            if normalised(name) in seen or (switched_on is not None and normalised(name) not in allowed):
                continue
            seen.add(normalised(name))
            found += [
                InstalledEntryPoint(point.group, point.name, point.value, name, version)
                for point in distribution.entry_points
                if point.group.startswith("semreg.")
            ]
        except Exception as error:  # anyone's damaged metadata must not break the commands that do not use it
            place = str(getattr(distribution, "_path", "a distribution"))
            unreadable[place] = f"its entry points cannot be read ({error}); reinstall or remove it"
            if text:  # of a plugin; others are nobody's business but that of `semreg plugins`
                warnings.warn(f"{place}: {unreadable[place]}", stacklevel=2)
    return found, unreadable


def normalised(name: str) -> str:
    """Return a distribution's name in the form that installers compare."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _components_of_this_process() -> Iterator[Component]:
    for kind, registry in _registered.items():
        for name, value in registry.get_all().items():
            target = f"{getattr(value, '__module__', '?')}:{getattr(value, '__qualname__', type(value).__name__)}"
            yield Component(kind, name, THIS_PROCESS, "", target)


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
