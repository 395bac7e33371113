"""Versions that decide numbers, and those that differ."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.trained.versions import other_versions, versions


@pytest.fixture
def plan(toy: Callable[..., Path]) -> Plan:
    return check(load_recipe(toy('[losses.more]\nuse = "olr_reconstruction(reconstruction, image)"\n')))


def test_python_libraries_semreg_and_the_plugins_that_are_used(plan: Plan) -> None:
    found = versions(plan)
    assert found["python"] == platform.python_version()
    for name in ("torch", "numpy", "scikit-learn", "semreg", "semreg-olr"):
        assert found[name] == metadata.version(name)
    assert "semreg-atnl" not in found, "nothing of it is used"
    assert set(found) <= {"python", *(one.metadata["Name"] for one in metadata.distributions())}, "no code of a process"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"torch": "0.1", "semreg-olr": "7"}, ["torch 0.1", "semreg-olr 7"]),
        ({"gone": "1.0"}, []),
    ],
)
def test_what_is_here_in_another_version_is_told(plan: Plan, changes: dict[str, Any], told: list[str]) -> None:
    now = versions(plan)
    record = {"versions": {**now, **changes}}
    assert other_versions(record, plan) == [f"{text} (here {now[text.split()[0]]})" for text in told]


def test_a_record_without_versions_tells_nothing(plan: Plan) -> None:
    assert other_versions({}, plan) == other_versions({"versions": None}, plan) == []
