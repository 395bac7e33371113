"""A component that a command names, which may be of a plugin that isn't installed."""

from __future__ import annotations

from semreg.core import UserError, closest
from semreg.core.kinds import KINDS
from semreg.core.registry import Component, find, installed_entry_points

OFFERED = {
    "executor": {"ray": "semreg-ray", "slurm": "semreg-slurm"},
    "search": {"optuna": "semreg-optuna"},
    "tracker": {"mlflow": "semreg-mlflow"},
}
"""Components that come by plugins of semreg's own, by their kinds, and these."""


def component_named(name: str, kind: str, option: str) -> Component:
    """The component of a kind that an option names. Raises UserError, with what to install if that helps."""
    try:
        return find(name, [kind])
    except LookupError as error:
        cure = cure_for(name, kind) or ("" if _installed(kind) else "; none is installed")
        raise UserError(option, f"{error}{cure}") from None


def cure_for(name: str, kind: str) -> str:
    """A closing clause that says what to install for a component that a name may mean; empty if nothing helps."""
    offered = OFFERED.get(kind, {})
    near = [one for one in offered.keys() - _installed(kind) if closest(name, [one]).endswith("?")]
    return "".join(f"; {one!r} comes by `pip install {offered[one]}`" for one in near)


def _installed(kind: str) -> set[str]:
    return {point.name for point in installed_entry_points(KINDS[kind].group, also_off=True)}
