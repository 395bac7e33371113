"""Schedules are looked at over the whole phase, before it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import UserError
from semreg.recipe.plan import Plan
from semreg.recipe.schedules import factor_at
from tests.projects import SEMREG

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (lambda epoch, epochs: 1 - epoch, "at epoch 1.02 of 2 it is -0.02"),
        (lambda epoch, epochs: math.inf if epoch > 1.5 else 1, "at epoch 1.52 of 2 it is inf"),
        (lambda epoch, epochs: math.nan, "at epoch 0 of 2 it is nan"),
    ],
)
def test_a_course_that_is_negative_or_not_finite_is_told_at_its_weight(
    course: Any, said: str, toy: Toy, plan_of: PlanOf, register: Register
) -> None:
    register("schedule", "odd", course)
    with pytest.raises(UserError) as refused:
        plan_of(toy('[phases.main.train.encoder]\nkl = { weight = 1, use = "odd" }'))
    [problem] = refused.value.problems
    assert problem.where == "phases.main.train.encoder.kl"
    assert f"a factor is a finite number, not below 0; {said}" in problem.message


@pytest.mark.parametrize(
    ("weight", "where", "said"),
    [
        ("{ weight = -1, warmup = 3 }", ".weight", "-1: input should be greater than or equal to 0"),
        ("{ weight = inf, warmup = 3 }", ".weight", "inf: input should be a finite number"),
        ("{ weight = 1 }", "", "needs `warmup`, in epochs, or `use`, a schedule: constant, "),
        ("{ weight = 1, cycles = 2 }", "", "needs `warmup`, in epochs, or `use`, a schedule: "),
        ("{ weight = 1, warmup = 0 }", ".warmup", "0: input should be greater than 0"),
        ("{ weight = 1, warmup = 'a' }", ".warmup", "'a': input should be a valid number"),
        (
            "{ weight = 1, use = 'warmup', wramup = 2 }",
            ".wramup",
            f"warmup ({SEMREG}) has no option 'wramup'; did you mean 'warmup'?",
        ),
        ("{ warmup = 2 }", ".weight", "missing: 'weight' is needed here"),
        ("{ weight = 1, use = 'cyclicle' }", "", "did you mean 'cyclical'"),
    ],
)
def test_a_course_that_is_no_course_is_told(weight: str, where: str, said: str, toy: Toy, plan_of: PlanOf) -> None:
    with pytest.raises(UserError) as refused:
        plan_of(toy(f"[phases.main.train.encoder]\nkl = {weight}"))
    problem = refused.value.problems[0]
    assert problem.where == f"phases.main.train.encoder.kl{where}"
    assert said in problem.message


def test_a_course_of_weight_zero_is_none(toy: Toy, plan_of: PlanOf) -> None:
    plan = plan_of(toy("[phases.main.train.encoder]\nkl = { weight = 0, warmup = 3 }"))
    assert plan.matrix()["main"]["step"]["encoder"] == {"rec": 1.0}


def test_any_schedule_makes_a_course(toy: Toy, plan_of: PlanOf) -> None:
    plan = plan_of(toy("[phases.main.train.encoder]\nkl = { weight = 1, use = 'cyclical', cycles = 2 }"))
    [course] = plan.phases[0].steps[0].courses()
    assert [factor_at(course.schedule, epoch, 2, "") for epoch in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.5, 1.0, 0.0]
    assert "schedule" in {component.kind for component in plan.components()}
