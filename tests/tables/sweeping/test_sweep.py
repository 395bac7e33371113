"""Sweeps of real runs on toy data: what is made, how it is ranked, what is best, what is refused."""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import Result, UserError
from semreg.recipe.load import Recipe, load_recipe
from semreg.running.choices import Choices
from semreg.tables.grid import Grid, Ranked, Ranking, Row
from semreg.tables.making import MadeTable
from semreg.tables.sweeping import sweep
from semreg.tables.sweeping.sweep import best_of
from semreg.trained import better
from semreg.trained.run import TensorHandle
from tests.tables.conftest import finished
from tests.tables.turns import Turns

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")

LR = {"optimizer.lr": [0.01, 0.02]}


@better(higher=["accuracy"])
def told(z: TensorHandle) -> Result:
    """Figures that the rate alone decides: a higher one is more accurate, and slower."""
    rate = z.run.plan.table["optimizer"]["lr"]
    return Result({"accuracy": rate + z.run.seed / 1000, "time": rate})


@pytest.fixture
def recipe(toy: Toy, register: Register) -> Path:
    register("evaluation", "told", told)
    return toy('data.split.validation = 0.2\nphases.main.epochs = 1\n[evaluate.probe]\nuse = "told(z)"\n')


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(recipe: Any, vary: Any = LR, metric: str = "probe.accuracy", **more: Any) -> MadeTable:
        return semreg.sweep(recipe, vary, metric=metric, **{"out": tmp_path / "runs", "device": "cpu", **more})

    return make


def test_every_combination_is_a_row(recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(sweep, "make_table", lambda *arguments: asked.extend(arguments))
    make(recipe, {**LR, "phases.main.train.encoder.kl": "0.5..1.0:2"}, seeds=2, on="local:2", gpus=0.25)
    rows, _, seeds, wanted, choices = asked
    assert [(row.path.stem, row.resolve()["description"]) for row in rows] == [
        ("recipe-lr_0.01-kl_0.5", "lr = 0.01, kl = 0.5"),
        ("recipe-lr_0.01-kl_1.0", "lr = 0.01, kl = 1.0"),
        ("recipe-lr_0.02-kl_0.5", "lr = 0.02, kl = 0.5"),
        ("recipe-lr_0.02-kl_1.0", "lr = 0.02, kl = 1.0"),
    ]
    table = rows[3].resolve()
    assert (table["phases"]["main"]["train"]["encoder"], table["optimizer"]["lr"]) == ({"rec": 1, "kl": 1.0}, 0.02)
    assert list(wanted.varied)[1] == {"optimizer.lr": 0.01, "phases.main.train.encoder.kl": 1.0}
    assert (seeds, wanted.metric, wanted.name) == ([0, 1], "probe.accuracy", "recipe-sweep")
    assert wanted.ranking == Ranking((Ranked("probe.accuracy", True),))
    assert (wanted.on, wanted.gpus, choices.judge_on) == ("local:2", 0.25, "validation")


def test_runs_serve_all_sweeps_and_each_has_a_folder_of_its_own(
    recipe: Path, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"--metric: no run has the figure 'probe.tim'; did you mean 'probe.time'"):
        make(recipe, metric="probe.tim", minimize=True)
    assert len(list((tmp_path / "runs").glob("recipe-*"))) == 1, "told after the first"
    first = make(recipe)
    assert [row.varied for row in first.grid.rows] == [{"optimizer.lr": 0.01}, {"optimizer.lr": 0.02}]
    record = json.loads((first.grid.rows[1].cells[0].folder / "run.json").read_text())
    by_hand = f"semreg run {shlex.quote(str(recipe))} --set optimizer.lr=0.02 "
    assert record["command"].startswith(by_hand)
    assert " --judge-on validation" in record["command"]
    assert make(load_recipe(recipe).table).folder == first.folder, "a recipe of no file, that trains the same"
    capsys.readouterr()
    on_test = make(recipe, judge_on="test")
    said = "This sweep chose its best row on the test images, so that row's figure is too good."
    assert capsys.readouterr().err.startswith(said)
    for name in ("table.md", "table.html"):
        assert said in (on_test.folder / name).read_text().replace("&#39;", "'")
        assert said not in (first.folder / name).read_text().replace("&#39;", "'")
    quick = make(recipe, metric="probe.time", minimize=True)
    slow = make(recipe, metric="probe.time", minimize=False)
    made = [first, on_test, quick, slow]
    assert len({one.folder for one in made}) == len(made)
    rates = [one.best and one.best.description for one in made]
    assert rates == ["lr = 0.02", "lr = 0.02", "lr = 0.01", "lr = 0.02"]
    names = ["best", "on test images", "twice as long"]
    assert [name for name, _ in quick.grid.going_on] == names
    told = json.loads((quick.folder / "table.json").read_text())["best"]
    assert told == {"row": "recipe-lr_0.01", "commands": dict(quick.grid.going_on[1:])}
    page = html.unescape((quick.folder / "table.html").read_text())
    text = (quick.folder / "table.md").read_text()
    assert "- best: lr = 0.01 · probe.time 0.0100 on validation images\n" in text
    for name, said in quick.grid.going_on[1:]:
        assert f"- {name}: `{said}`\n" in text
        assert f">{said}</pre>" in page
    assert quick.grid.going_on[0][1] in page
    assert text.index("| lr = 0.01") < text.index("| lr = 0.02"), "ranked"
    assert len(list((tmp_path / "runs").glob("recipe-*"))) == 2
    with pytest.raises(UserError, match=r"--metric: no run has the figure 'probe.tim'; did you mean 'probe.time'"):
        make(recipe, metric="probe.tim", minimize=True)


def test_the_best_row_is_said_with_the_commands_that_go_on(recipe: Path) -> None:
    loaded = load_recipe(recipe, ["optimizer.clip=1.0"])
    choices = Choices(device="cpu", judge_on="validation")

    def said(*accuracies: list[float], loaded: Recipe = loaded, choices: Choices = choices) -> list[str]:
        rows = tuple(
            Row(f"r{rate}", f"lr = {rate}", finished(Path("runs"), f"r{rate}", own), varied={"optimizer.lr": rate})
            for rate, own in zip((0.01, 0.02), accuracies, strict=True)
        )
        metric = "probe.accuracy"
        grid = Grid("sweep", rows, ranking=Ranking((Ranked(metric, True),)), metric=metric)
        return [f"{name}: {text}" for name, text in best_of(grid, loaded, choices)]

    own = f"{shlex.quote(str(recipe))} --set optimizer.clip=1.0 --set optimizer.lr=0.02"
    cut = f"semreg run {own} --set phases.main.epochs=2 --seed 0 --device cpu --continue runs/r0.02-0"
    longer = f"twice as long: {cut} --judge-on validation"
    assert said([0.25], [0.5]) == [
        "best: lr = 0.02 · probe.accuracy 0.5000 on validation images",
        f"on test images: semreg run {own} --seed 0 --device cpu",
        longer,
    ]
    assert said([0.2, 0.3], [0.5, 0.6])[:2] == [
        "best: lr = 0.02 · probe.accuracy 0.5500 ± 0.0707 on validation images",
        f"on test images: semreg table {own} --device cpu --seeds 0,1",
    ]
    assert said([0.25], [0.5], choices=Choices(device="cpu")) == [
        "best: lr = 0.02 · probe.accuracy 0.5000 on test images", f"twice as long: {cut}",
    ]  # fmt: skip
    twice = load_recipe(recipe, ["phases.main.epochs=3", "optimizer.lr=7", "optimizer.clip=1.0"])
    assert said([0.25], [0.5], loaded=twice)[2] == longer.replace("epochs=2", "epochs=6"), "each key once"
    assert len(said([0.25], [0.5], loaded=semreg.load_recipe(loaded.table))) == 1, "no file, no command"
    assert said([], []) == []


def test_rows_are_ranked_by_a_comparison_of_their_runs(
    recipe: Path, make: Make, register: Register, turns: type[Turns]
) -> None:
    @better(lower=["distance"])
    def apart(*codes: TensorHandle) -> Result:
        return Result({"distance": sum(told(code).figures["accuracy"] for code in codes)})

    register("comparison", "apart", apart)
    compared: dict[str, Any] = {"seeds": 2, "metric": "apart.distance", "overrides": ["compare.apart.use=apart(z)"]}
    table = make(recipe, **compared)
    assert table.best is not None
    assert table.best.varied == {"optimizer.lr": 0.01}
    data = json.loads((table.folder / "table.json").read_text())
    assert [one["figures"][0]["mean"] for one in data["ranking"]] == pytest.approx([0.021, 0.041])
    assert "Over all finished runs of a row." in (table.folder / "table.md").read_text()
    for options, message in (
        (
            {"search": "turns", "trials": 3},
            "--metric: 'apart' is a comparison, and is done once all runs are made",
        ),
        ({"overrides": [*compared["overrides"], "compare.apart.across=true"]}, "'apart' .* is of all rows together"),
        ({"metric": "apart.x"}, "apart doesn't say whether a high or a low 'x' is good"),
        ({"seeds": None}, "'apart' compares the runs of a row, and each row has one; add --seeds 3"),
    ):
        with pytest.raises(UserError, match=message):
            make(recipe, **compared | options)


def test_mistakes_are_told_before_anything_is_trained(recipe: Path, make: Make, tmp_path: Path) -> None:
    for vary, options, message in (
        ({"optimiser.lr": [1, 2]}, {}, "--vary optimiser.lr: the recipe has no 'optimiser'; did you mean 'optimizer'"),
        ({"losses.k.reduction": ["sum", "mean"]}, {}, "--vary losses.k.reduction: the recipe has no 'losses.k'; did"),
        ({"optimizer.lrr": [1, 2]}, {}, "--vary optimizer.lrr=1: .*\n.*has no option 'lrr'; did you mean 'lr'"),
        ({"optimizer.lr": [0.1, "a"]}, {}, '--vary optimizer.lr="a": .*\n +optimizer.lr +\'a\''),
        ({"description": ["a", "b"]}, {}, '--vary description: "a" and "b" train the same run; the key changes'),
        ({"seed": [1, 2]}, {"seeds": 2}, "--vary seed: a sweep doesn't vary the seed"),
        ({**LR, "optimizer.clip": "1..100:100"}, {"seeds": 6}, "--vary: 2 × 100 × 6 = 1,200 runs; expected at most"),
        (LR, {"metric": "prob.accuracy"}, "--metric: 'prob.accuracy' is a figure of no evaluation; did you"),
        (LR, {"metric": "probe"}, "--metric: 'probe' is an evaluation; add one of its figures"),
        (LR, {"minimize": True}, "--minimize: probe says that a high 'accuracy' is good; leave --minimize out"),
        (LR, {"metric": "probe.acuracy"}, "--metric: probe doesn't say whether .* 'acuracy' is good; .*; did you mean"),
        (LR, {"seeds": "x"}, "--seeds: 'x'"),
        (LR, {"name": "/"}, "--name: '/' names a folder"),
        (LR, {"judge_on": "train"}, "--judge-on: 'train' is not one of test, validation"),
        (LR, {"overrides": ["optimizer.lrr=1"]}, "has no option 'lrr'"),
        (LR, {"overrides": ["without=['data.split.validation']"]}, r"/recipe.toml: 1 error\n +data.split.val"),
        (LR, {"overrides": ["data.split.validation=0.00001"]}, r"/recipe.toml: 1 error\n.*1e-05 of the \d+ images"),
        ({**LR, "data.split.validation": [0.2, 1e-5]}, {}, r"toml \(lr = 0.01, validation = 1e-05\), .*toml \("),
    ):  # fmt: skip
        with pytest.raises(UserError) as refused:
            make(recipe, vary, **options)
        refused.match(message)
    assert not (tmp_path / "runs").exists()
