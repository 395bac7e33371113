"""A component that a command names, perhaps of a plugin that isn't installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from semreg.core import UserError, closest
from semreg.core.errors import cause_of
from semreg.core.kinds import KINDS
from semreg.core.registry import Component, find, installed_entry_points

OFFERED = {
    "executor": {"ray": "semreg-ray", "slurm": "semreg-slurm"},
    "search": {"optuna": "semreg-optuna"},
    "tracker": {"mlflow": "semreg-mlflow"},
}
"""Components of semreg's plugins, by their kinds, with the plugins."""
T = TypeVar("T")


def component_named(name: str, kind: str, option: str, also: Sequence[str] = ()) -> Component:
    """Return the component of a kind that an option names. Raises UserError, with the package to install if that helps,
    or the likeliest of the other words, `also`, that the option takes."""
    try:
        return find(name, [kind])
    except LookupError as error:
        near = closest(name, also)
        said = f"no {kind} is called {name!r}{near}" if near.endswith("?") else str(error)
        cure = _cure(name, kind) or ("" if _installed(kind) else "; none is installed")
        raise UserError(option, f"{said}{cure}") from None


def made_for(option: str, said: str, make: Callable[[], T]) -> T:
    """Make an object from the words of an option. Raises UserError for any failure."""
    try:
        return make()
    except ValueError as error:
        raise UserError(option, f"{said!r}: {error}") from None
    except UserError:
        raise
    except Exception as error:
        raise UserError(option, f"{said!r} can't be made: {cause_of(error)}") from error


def _cure(name: str, kind: str) -> str:
    """Return a closing clause with the package to install for a component of that name; empty if nothing helps."""
    offered = OFFERED.get(kind, {})
    near = [one for one in offered.keys() - _installed(kind) if closest(name, [one]).endswith("?")]
    return "".join(f"; {one!r} is installed by `pip install {offered[one]}`" for one in near)


def _installed(kind: str) -> set[str]:
    return {point.name for point in installed_entry_points(KINDS[kind].group, also_off=True)}
