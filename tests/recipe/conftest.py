"""Fixtures for what `check` makes of recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import DataMissing, UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    """`plan_of(path, "key=value", ...)` checks a recipe."""

    def plan_of(path: Path, *overrides: str, **choices: Any) -> Plan:
        return check(load_recipe(path, overrides), **choices)

    return plan_of


@pytest.fixture
def mistakes(plan_of: Callable[..., Plan]) -> Callable[..., dict[str, str]]:
    """`mistakes(path, "key=value", ...)` is the messages of the one error by their place, each of which comes once."""

    def mistakes(path: Path, *overrides: str) -> dict[str, str]:
        with pytest.raises(UserError) as refused:
            plan_of(path, *overrides)
        assert refused.value.source == str(path)
        assert not isinstance(refused.value, DataMissing)
        places = [problem.where for problem in refused.value.problems]
        assert len(set(places)) == len(places), f"one mistake is told once: {refused.value.text()}"
        return {problem.where: problem.message for problem in refused.value.problems}

    return mistakes
