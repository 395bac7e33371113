"""Evaluations of a finished run, done again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import Result, UserError
from semreg.store.recipes import command_of, evaluations_of, failures_of
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.running.conftest import LATER, read, result_of

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
    first, second = result_of(run, "first"), result_of(run, "second")
    assert second["figures"]["mean"] == pytest.approx(2 * first["figures"]["mean"])
    trained(path)
    assert len(evaluations) == 2
    results = semreg.evaluate(run.folder, ["second"], device="cpu")
    assert set(results) == {"second"}
    assert evaluations[2:] == [evaluations[1]], "with the same draws"
    with pytest.raises(UserError, match="no evaluation 'secnd'; did you mean 'second'"):
        semreg.evaluate(run.folder, ["secnd"], device="cpu")
    assert read(run.folder, "status.json")["state"] == "finished"


def test_evaluations_are_computed_as_the_run_was_trained(
    toy: Toy, trained: Callable[..., Run], register: Register
) -> None:
    seen: list[bool] = []

    def watching(code: Any) -> Result:
        seen.append(torch.are_deterministic_algorithms_enabled())
        return Result(figures={"mean": float(code.read("test").mean())})

    register("evaluation", "watching", watching)
    run = trained(toy('[evaluate.first]\nuse = "watching(z)"'), deterministic=True)
    semreg.evaluate(run.folder, device="cpu")
    assert seen == [True, True]
    assert not torch.are_deterministic_algorithms_enabled()


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
    folder = trained(path).folder
    shutil.rmtree(evaluations_of(folder, "recipe")["second"])
    semreg.evaluate(folder, ["first"], device="cpu")
    status = read(folder, "status.json")
    assert status["state"] == "stopped"
    assert status["message"] == "still to be evaluated: second"
    semreg.evaluate(folder, ["second"], device="cpu")
    status = read(folder, "status.json")
    assert (status["state"], status["failed"]) == ("finished", ["first"]), "which is not tried, and not forgotten"
    assert "never" in failures_of(folder, "recipe")["first"]


def test_what_fails_when_it_is_done_again_leaves_what_there_was_and_is_tried_once_more(
    toy: Toy, trained: Callable[..., Run], register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    broken: list[bool] = []

    def moody(code: Any) -> Result:
        if broken:
            raise ValueError("a mood")
        return Result({"x": 1.0})

    register("evaluation", "moody", moody)
    path = toy('[evaluate.it]\nuse = "moody(z)"')
    folder = trained(path).folder
    broken.append(True)
    assert semreg.evaluate(folder, device="cpu") == {}
    assert read(folder, "status.json")["failed"] == ["it"]
    assert evaluations_of(folder, "recipe"), "what there was stays"
    capsys.readouterr()
    trained(path)
    assert "nothing to do" not in capsys.readouterr().err
    assert "failed" not in read(folder, "status.json")
    assert failures_of(folder, "recipe") == {}


# --- on validation images ---

CUT = "data.split.validation=0.25"


def test_to_and_fro_between_test_and_validation_images_nothing_is_lost_or_redone(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = toy('[evaluate.it]\nuse = "measured(z)"')
    first = trained(path, CUT, judge_on="validation")
    assert first.counts == {"train": 36, "validation": 0, "test": 12}
    assert first.report.name == "report-recipe@validation.html"
    assert evaluations_of(first.folder, "recipe") == {}
    tested = trained(path, CUT)
    assert tested.folder == first.folder, "a run is what it trains"
    assert tested.counts == {"train": 36, "validation": 12, "test": 12}
    assert tested.result("it") != first.result("it")
    assert len(evaluations) == 2
    capsys.readouterr()
    for judge_on, run in (("validation", first), ("test", tested)):
        assert trained(path, CUT, judge_on=judge_on).results == run.results
        assert semreg.open_run(run.folder, judge_on=judge_on).results == run.results
        assert "is finished; nothing to do" in capsys.readouterr().err
    assert len(evaluations) == 2
    assert read(first.folder, "run.json")["name"] == "recipe"
    assert read(first.folder, "run.json")["data"]["counts"] == {"train": 36, "validation": 12, "test": 12}


def test_a_trained_run_is_evaluated_on_its_validation_images(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    path = toy('[evaluate.it]\nuse = "measured(z)"\npaper = { data = "toy", mean = 1 }')
    run = trained(path, CUT)
    before = run.results
    found = semreg.evaluate(run.folder, device="cpu", judge_on="validation")
    assert (before["it"].paper, found["it"].paper) == ({"mean": 1}, {}), "the paper's figure is of test images"
    assert found != before == semreg.open_run(run.folder).results
    command = command_of(run.folder, "recipe@validation")
    assert command.endswith(f"\nsemreg evaluate {run.folder} --judge-on validation")
    assert command_of(run.folder, "recipe") == command.partition("\n")[0]
    semreg.evaluate(run.folder, device="cpu", judge_on="validation")
    assert len(evaluations) == 3
    assert command_of(run.folder, "recipe@validation") == command, "said once"
    with pytest.raises(UserError, match="'train' is not one of test, validation"):
        semreg.evaluate(run.folder, judge_on="train")
    with pytest.raises(UserError, match="'train' is not one of test, validation"):
        semreg.open_run(run.folder, judge_on="train")


def test_without_validation_images_there_is_nothing_to_judge_on(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path
) -> None:
    path = toy('[evaluate.it]\nuse = "measured(z)"')
    with pytest.raises(UserError, match="no validation images to judge on") as refused:
        trained(path, judge_on="validation")
    assert [problem.where for problem in refused.value.problems] == ["data.split.validation"]
    assert not (tmp_path / "runs").exists(), "said before training"
    run = trained(path)
    status = read(run.folder, "status.json")
    with pytest.raises(UserError, match="no validation images to judge on"):
        semreg.evaluate(run.folder, device="cpu", judge_on="validation")
    assert read(run.folder, "status.json") == status
    assert len(evaluations) == 1


# --- other evaluations of the same training ---

PROBE = '[evaluate.probe]\nuse = "linear_probe(z, kind)"\n'


def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a training step is a failure."""
    monkeypatch.setattr(PhaseRunner, "iterate", None)


def test_one_more_evaluation_is_done_on_the_run_there_is(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = trained(toy('[evaluate.first]\nuse = "measured(z)"'))
    untrained(monkeypatch)
    second = trained(toy(f'description = "more"\n[evaluate.first]\nuse = "measured(z)"\n{PROBE}'))
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [first.folder.name] == [second.folder.name]
    assert len(evaluations) == 1, "what was done is not done again"
    assert second.result("probe") is not None
    changed = trained(toy('[evaluate.first]\nuse = "measured(z)"\nscale = 3.0'))
    assert len(evaluations) == 2
    means = [read(path, "result.json")["figures"]["mean"] for path in first.folder.glob("evaluations/first-*")]
    assert max(means, key=abs) == pytest.approx(3 * min(means, key=abs)), "both are kept"
    assert result_of(changed, "first")["figures"]["mean"] == max(means, key=abs)


def test_a_recipe_of_another_name_takes_the_run_over_and_has_its_own_report(
    toy: Toy,
    trained: Callable[..., Run],
    evaluations: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = trained(toy('[evaluate.first]\nuse = "measured(z)"'))
    untrained(monkeypatch)
    other = trained(toy(PROBE, "other.toml"))
    assert f"{first.folder} has the same training, as recipe: nothing is trained again" in capsys.readouterr().err
    assert (other.folder, other.plan.name) == (first.folder, "other")
    assert evaluations_of(first.folder, "recipe").keys() == {"first"}
    assert evaluations_of(first.folder, "other").keys() == {"probe"}
    assert read(first.folder, "recipe.json")["evaluate"].keys() == {"first"}
    assert read(first.folder, "recipes/other.json")["evaluate"].keys() == {"probe"}
    trained(toy(PROBE, "other.toml"))
    assert "finished; nothing to do" in capsys.readouterr().err


def test_a_recipe_or_overrides_are_evaluated_on_a_run_without_training(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(toy('[evaluate.first]\nuse = "measured(z)"'))
    untrained(monkeypatch)
    results = semreg.evaluate(run.folder, recipe=toy(PROBE, "other.toml"), device="cpu")
    assert results.keys() == {"probe"}
    results = semreg.evaluate(run.folder, overrides=["evaluate.first.scale=2.0"], device="cpu")
    assert len(evaluations) == 2
    assert read(run.folder, "recipe.json")["evaluate"]["first"]["scale"] == 2.0
    assert len(list((run.folder / "evaluations").glob("first-*"))) == 2
    semreg.evaluate(run.folder, overrides=["model.attributes.kind=z"], prune=True, device="cpu")
    assert len(list((run.folder / "evaluations").glob("first-*"))) == 1
    assert semreg.open_run(run.folder, device="cpu").roles.attributes == {"kind": "z"}


def test_a_recipe_that_trains_something_else_is_refused_by_name(toy: Toy, trained: Callable[..., Run]) -> None:
    run = trained(toy())
    with pytest.raises(UserError) as refused:
        semreg.evaluate(run.folder, recipe=toy("optimizer.lr = 0.5", "other.toml"), device="cpu")
    assert {problem.where for problem in refused.value.problems} >= {"phases.main.optimizers.encoder.options.lr"}
    assert "so this is a different run" in refused.value.text()
    assert not (run.folder / "recipes").exists()


def test_modules_and_tensors_that_only_evaluations_read_are_made_when_a_run_is_opened(
    toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = trained(toy())
    run = trained(toy(), "optimizer.lr=0.02")
    untrained(monkeypatch)
    text = f"""
    [modules.spread]
    use = "mlp_encoder"
    outputs = 2
    hidden = []
    [modules.elsewhere]
    use = "mlp_encoder"
    outputs = 4
    hidden = [6]
    weights = "{other.folder.name}:encoder"
    [tensors]
    wide = "spread(z)"
    theirs = "posterior_mean(diagonal_gaussian(elsewhere(image)))"
    [evaluate.wide]
    use = "linear_probe(wide, kind)"
    [evaluate.theirs]
    use = "linear_probe(theirs, kind)"
    """
    again = trained(toy(text), "optimizer.lr=0.02")
    assert again.folder == run.folder
    assert evaluations_of(run.folder, "recipe").keys() == {"wide", "theirs"}
    opened = semreg.open_run(run.folder, device="cpu")
    assert opened.tensor("wide").read("test").equal(again.tensor("wide").read("test"))
    weights = [run.modules[name].state_dict() for run, name in ((other, "encoder"), (opened, "elsewhere"))]
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


def test_two_folders_of_one_run_are_both_named(
    toy: Toy, trained: Callable[..., Run], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = trained(toy())
    shutil.copytree(run.folder, tmp_path / "runs" / "copy")
    assert trained(toy()).folder == run.folder
    said = capsys.readouterr().err
    assert f"{tmp_path / 'runs' / 'copy'} holds the same run as {run.folder}, which semreg uses" in said
