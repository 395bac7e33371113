"""The one table of kinds of components."""

from __future__ import annotations

import tomllib
from pathlib import Path

from semreg.core.kinds import INTERFACE, KINDS, at_place

ROOT = Path(__file__).parents[2]
OTHER_GROUPS = {"semreg.commands", "semreg.hooks", "semreg.interface"}
"""Of what is no component."""


def test_a_kind_is_found_by_its_name_and_has_a_group_of_its_own() -> None:
    assert all(kind.name == name for name, kind in KINDS.items())
    assert len({kind.group for kind in KINDS.values()}) == len(KINDS)


def test_every_kind_is_named_at_one_place_of_a_recipe() -> None:
    assert at_place("call") == ("operation", "loss", "interpolator")
    assert at_place("sampler") == ("sampler",)
    named = [name for place in {kind.place for kind in KINDS.values()} for name in at_place(place)]
    assert sorted(named) == sorted(KINDS)


def test_what_the_distributions_of_this_repository_bring_is_of_these_kinds_and_this_interface() -> None:
    groups = {kind.group for kind in KINDS.values()} | OTHER_GROUPS
    for path in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]:
        points = tomllib.loads(path.read_text())["project"]["entry-points"]
        assert points.keys() <= groups, path
        assert path.parent == ROOT or points["semreg.interface"].keys() == {str(INTERFACE)}, path
