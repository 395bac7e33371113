"""Where a planned run stands, of a grid or of a judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Result
from semreg.recipe.load import load_recipe
from semreg.running.choices import Choices
from semreg.running.start import folders_of, place_of, plan_for, run_recipe
from semreg.tables.executors.elsewhere import judges_of
from semreg.tables.planned import PlannedRun
from semreg.trained.run import Run
from tests.running.faults import JUDGE

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_a_judge_tells_what_failed_on_the_images_that_it_is_judged_on(
    toy: Callable[..., Path], register: Callable[[str, str, Any], None], tmp_path: Path
) -> None:
    def judged(image: Any, *, judge: Run) -> Result:
        return Result(figures={"seen": 1.0})

    def fails(told: Any) -> Result:
        raise ValueError("nothing to score")

    register("evaluation", "judged", judged)
    register("evaluation", "fails", fails)
    toy(f'{JUDGE}[evaluate.own]\nuse = "fails(told)"\n', "judge.toml")
    path = toy(
        "data.split.validation = 0.25\nphases.main.epochs = 1\n"
        '[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"\n'
    )
    recipe, choices = load_recipe(path), Choices(out=tmp_path / "runs", device="cpu", judge_on="validation")
    plan, _ = plan_for(recipe, choices)
    trial = PlannedRun(recipe, plan, choices, place_of(plan, choices), folders_of(plan, choices), "")
    (judge,) = judges_of(trial)
    assert (judge.to_do, judge.read().state) == (True, "not begun")
    run_recipe(judge.recipe, judge.choices, "")
    cell = judge.read()
    assert (cell.state, cell.failures) == ("finished", {"own": "nothing to score (this process)"})
    assert (judge.to_do, trial.to_do) == (True, True), "what failed is to do again"
