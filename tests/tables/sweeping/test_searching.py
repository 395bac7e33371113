"""Sweeps whose rows a search chooses: they grow, go on, tell each figure once, and refuse what can't be searched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import Result, UserError
from semreg.tables import view
from semreg.tables.making import MadeTable
from semreg.tables.sweeping import searching
from semreg.tables.sweeping.axes import axes_of
from semreg.tables.sweeping.searching import beside_the_first, sought_by
from semreg.trained import better
from semreg.trained.run import TensorHandle
from tests.tables.turns import Turns

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")

VARY = {"optimizer.lr": "0.01..0.09"}


@better(higher=["accuracy"])
def told(z: TensorHandle, *, fails_from: float = 1.0) -> Result:
    """A figure that the rate decides."""
    rate = z.run.plan.table["optimizer"]["lr"]
    if rate > fails_from:
        raise ValueError("the rate is high")
    return Result({"accuracy": rate + z.run.seed / 1000, "nothing": float("nan")})


@pytest.fixture
def recipe(toy: Toy, register: Register, turns: type[Turns]) -> Path:
    register("evaluation", "told", told)
    return toy('data.split.validation = 0.2\nphases.main.epochs = 1\n[evaluate.probe]\nuse = "told(z)"\n')


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(view, "slices", lambda grid: {})  # which takes most of the time

    def make(recipe: Any, vary: Any = VARY, metric: str = "probe.accuracy", **more: Any) -> MadeTable:
        given = {"out": tmp_path / "runs", "device": "cpu", "search": "turns", "trials": 3, **more}
        return semreg.sweep(recipe, vary, metric=metric, **given)

    return make


def said(made: MadeTable) -> list[str]:
    """What the search was told of each suggestion."""
    return list(json.loads((made.folder / "search" / "said.json").read_text()))


def rates(made: MadeTable) -> list[float]:
    return [row.varied["optimizer.lr"] for row in made.grid.rows]


def test_rows_are_what_it_suggests_and_their_figures_are_told(
    recipe: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make(recipe)
    assert rates(made) == [0.01, 0.04, 0.07]
    assert [row.description for row in made.grid.rows] == ["lr = 0.01", "lr = 0.04", "lr = 0.07"]
    assert said(made) == ["told"] * 3
    assert made.best is not None
    assert made.best.description == "lr = 0.07"
    assert made.grid.going_on[0][1] == "lr = 0.07 · probe.accuracy 0.0700 on validation images"
    told = capsys.readouterr().err
    assert f"3 of 3 runs to do; the table grows in {made.folder}" in told
    assert "3/3  recipe-lr_0.07 · seed 0" in told


def test_it_goes_on_where_it_was_and_with_more_trials(
    recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put = searching.Searching.put

    def killed(self: Any, k: int, cell: Any) -> None:
        if k == 1:
            raise KeyboardInterrupt
        put(self, k, cell)

    with monkeypatch.context() as patch:
        patch.setattr(searching.Searching, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            make(recipe)
    capsys.readouterr()
    made = make(recipe)
    assert rates(made) == [0.01, 0.04, 0.07]
    assert said(made) == ["told"] * 3
    assert "1 of 3 runs to do" in capsys.readouterr().err, "the second was finished before, and is told"
    more = make(recipe, trials=4)
    assert (more.folder, rates(more), said(more)) == (made.folder, [0.01, 0.04, 0.07, 0.02], ["told"] * 4)
    fewer = make(recipe, trials=2, only_finished=True)
    assert rates(fewer) == rates(more), "all that were suggested are shown"
    assert said(fewer) == ["told"] * 4
    assert make(recipe, {"optimizer.lr": "0.01..0.08"}, trials=1).folder != made.folder


def test_who_only_shows_what_is_finished_tells_nothing_as_another_may(
    recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(searching.Searching, "settle", lambda self, row: None)  # as killed before it
        made = make(recipe)
    assert said(made) == ["asked"] * 3
    assert said(make(recipe, only_finished=True)) == ["asked"] * 3
    assert said(make(recipe)) == ["told"] * 3


def test_a_figure_is_the_mean_over_seeds_and_one_that_failed_is_not_told(
    recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(Turns, "tell", lambda self, number, figure: figures.append((number, figure)))
    made = make(recipe, seeds=[0, 5], overrides=["evaluate.probe.fails_from=0.05"])
    assert figures == [(0, pytest.approx(0.0125)), (1, pytest.approx(0.0425))]
    assert [len(row.cells) for row in made.grid.rows] == [2, 2, 2]
    figures.clear()
    make(recipe, metric="probe.nothing", minimize=True, trials=1)
    assert figures == [], "it came to no number"


def test_what_trains_the_same_is_trained_once_and_told_of_all(recipe: Path, make: Make) -> None:
    made = make(recipe, {"optimizer.lr": [0.01, 0.02]}, trials=5)
    assert rates(made) == [0.01, 0.02]
    assert said(made) == ["told"] * 5


def test_values_that_no_run_can_have_together_are_passed_over(
    recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = searching.planned_runs

    def refusing(recipes: Any, *arguments: Any, **more: Any) -> Any:
        if more and "0.04" in recipes[0].path.stem:
            raise UserError("recipe.toml", "these don't fit")
        return plan(recipes, *arguments, **more)

    monkeypatch.setattr(searching, "planned_runs", refusing)
    made = make(recipe)
    assert rates(made) == [0.01, 0.07]
    assert said(made) == ["told", "asked", "told"]
    assert "lr = 0.04: recipe.toml: these don't fit; the search continues" in capsys.readouterr().err


def test_pruned_rows_stay_as_they_are(
    recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = '{"phase": "main", "epoch": 3, "iteration": 9, "validation": {"rec": 120.0, "kl": 3.5}}\n'
    validates = 'phases.main.validate.loss=["rec"]'
    monkeypatch.setattr(searching, "_require_prunable", lambda plan, wanted: None)
    pruning = make(recipe, search="turns:pruning", overrides=[validates], trials=1)
    file = pruning.folder / "search" / "said.json"
    file.write_text(json.dumps(["told", "pruned"]))
    again = make(recipe, search="turns:pruning", overrides=[validates], trials=2)
    [cell] = again.grid.rows[1].cells
    assert (cell.state, cell.reason, cell.folder.exists()) == ("pruned", "in an earlier command", False)
    cell.folder.mkdir()
    (cell.folder / "metrics.jsonl").write_text(losses)
    again = make(recipe, search="turns:pruning", overrides=[validates], trials=2)
    assert again.grid.rows[1].cells[0].reason == "its validation loss was 123.5 after epoch 3"
    text = (again.folder / "table.md").read_text()
    assert "1 of 2 runs pruned: lr = 0.04 · seed 0 (its validation loss was 123.5 after epoch 3)." in text
    assert "not finished" not in text


def test_a_second_command_waits_for_the_first(
    recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Busy(searching.LeasedLock):
        def acquire(self, timeout: float = -1.0) -> None:
            if timeout >= 0:
                raise searching.Timeout(str(self.lock))
            super().acquire()

    monkeypatch.setattr(searching, "LeasedLock", Busy)
    made = make(recipe, trials=1)
    assert f"{made.folder.name}: another process works on this search; waiting for it" in capsys.readouterr().err


def test_the_first_values_and_each_other_beside_them_are_tried_before() -> None:
    axes = axes_of({"a": [1, 2, 3], "b": "0.5..1.5", "c": ["x", "y"]}, searched=True)
    assert beside_the_first(axes) == [(1, 0.5, "x"), (2, 0.5, "x"), (3, 0.5, "x"), (1, 1.5, "x"), (1, 0.5, "y")]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"trials": None}, "--search: 'turns' needs a number of trials; add --trials 40"),
        ({"search": None}, "--trials: it is the number of trials of a search"),
        ({"search": "turn"}, r"--search: no search is called 'turn'; did you mean 'turns'"),
        ({"search": "turns:fast"}, "--search: 'turns:fast': 'fast' means nothing"),
        ({"trials": 0}, "--trials: 0 is not a number of trials; expected at least 1"),
        ({"trials": 1001}, "--trials: 1,001 runs; expected at most 1,000"),
        ({"vary": []}, "--vary: no key to vary is given"),
        ({"vary": {"optimizer.lr": [0.1]}}, "--vary optimizer.lr: 1 value; two at least can be compared"),
        ({"vary": {"optimizer.lr": "0.1..0.2:7"}}, "0.1..0.2:7: a search chooses any numbers of a range; leave :7 out"),
        ({"vary": {"optimizer.lr": "-1.0..0.2"}}, r"\(lr = -1.0\): 1 error"),
        (
            {"search": "turns:pruning"},
            "--search: it prunes by validation losses, and no phase validates; add --set 'pha",
        ),
        ({"search": "turns:pruning", "overrides": ['phases.main.validate.loss="rec"']}, "add --on local:1"),
        ({"only_finished": True}, "this search has not started; leave out --only-finished"),
    ],
)
def test_mistakes_are_refused_before_anything_is_made(
    recipe: Path, make: Make, tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make(recipe, **more)
    assert not (tmp_path / "runs").exists()


def test_a_search_that_fails_is_named(recipe: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any) -> Any:
        raise OSError("no space is left")

    monkeypatch.setattr(Turns, "ask", full)
    with pytest.raises(UserError, match=r"^--search: 'turns' can't suggest values: .*no space is left"):
        make(recipe)


def test_a_sweep_of_all_combinations_has_no_search() -> None:
    assert sought_by(None, None) is None
