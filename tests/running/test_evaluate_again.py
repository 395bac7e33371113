"""Evaluations of a finished run, done again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import Result, UserError
from semreg.trained.run import Run
from tests.running.conftest import LATER, read

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_evaluations_are_done_once_stored_and_done_again_on_request(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    path = toy('[evaluate.first]\nuse = "measured(z)"\n[evaluate.second]\nuse = "measured(z)"\nscale = 2.0')
    run = trained(path)
    assert len(evaluations) == 2
    assert evaluations[0] != evaluations[1], "each has draws of its own"
    first = read(run.folder / "evaluations" / "first", "result.json")
    second = read(run.folder / "evaluations" / "second", "result.json")
    assert second["figures"]["mean"] == pytest.approx(2 * first["figures"]["mean"])
    trained(path)
    assert len(evaluations) == 2
    results = semreg.evaluate(run.folder, ["second"], device="cpu")
    assert set(results) == {"second"}
    assert evaluations[2:] == [evaluations[1]], "with the same draws"
    with pytest.raises(UserError, match="no evaluation 'secnd'; did you mean 'second'"):
        semreg.evaluate(run.folder, ["secnd"], device="cpu")
    assert read(run.folder, "status.json")["state"] == "finished"


def test_evaluating_a_run_that_is_not_finished_is_refused(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path, stopped: Callable[..., None]
) -> None:
    """Its results would stand for those of the finished run."""
    path = toy(f'{LATER}\n[evaluate.first]\nuse = "measured(z)"')
    stopped(path)
    [folder] = (tmp_path / "runs").iterdir()
    with pytest.raises(UserError, match="not trained to its end"):
        semreg.evaluate(folder, device="cpu")
    assert evaluations == []
    assert read(folder, "status.json")["state"] == "stopped"


def test_evaluating_a_part_does_not_make_a_run_finished(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], register: Register, tmp_path: Path
) -> None:
    def failing(code: Any) -> Result:
        raise ValueError("never")

    register("evaluation", "failing", failing)
    path = toy('[evaluate.first]\nuse = "failing(z)"\n[evaluate.second]\nuse = "measured(z)"')
    with pytest.raises(UserError, match="never"):
        trained(path)
    [folder] = (tmp_path / "runs").iterdir()
    semreg.evaluate(folder, ["second"], device="cpu")
    status = read(folder, "status.json")
    assert status["state"] == "stopped"
    assert status["message"] == "still to be evaluated: first"
