"""Each loss of the library has a name in recipes, and each name an entry point."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
from pytorch_metric_learning import losses as library
from semreg_metric_learning import losses
from semreg_metric_learning.names import ENTRIES


def test_every_loss_of_the_library_has_a_name_and_every_name_an_entry_point() -> None:
    bases = {"BaseMetricLossFunction", "BaseLossWrapper", "GenericPairLoss", "MultipleLosses"}  # rows add losses
    brought = {name for name, one in vars(library).items() if isinstance(one, type) and not name.endswith("Mixin")}
    assert {entry.library for entry in ENTRIES.values()} == brought - bases
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
    points = project["entry-points"]
    for group, owns in (("semreg.losses", False), ("semreg.criteria", True)):
        expected = {name: f"{losses.__name__}:{one.library}" for name, one in ENTRIES.items() if one.owns == owns}
        assert points[group] == expected


def test_names_are_those_of_recipes() -> None:
    assert all(name.isidentifier() and name.islower() for name in ENTRIES)
