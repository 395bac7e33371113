"""Runs as a collection: figures, filters, orders, and judges apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.store.collection import Selection, collection, stored_figures
from semreg.store.recipes import evaluations_of, write_evaluations, write_recipe
from tests.store.conftest import make_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs with figures, of which one judges another, and a damaged one."""
    epochs = {"phases": {"main": {"epochs": 20}}, "data": {"use": "digits"}}
    make_run(
        tmp_path, "b-1", figures={"accuracy": 0.9, "far": float("nan")}, started="2026-01-02", data={"name": "digits"},
        recipe=epochs, seed=3,
    )  # fmt: skip
    make_run(tmp_path, "a-1", figures={"accuracy": 0.8}, started="2026-01-03", judges={"x": "c" * 8})
    make_run(tmp_path, "c-1", state="failed", started="2026-01-01", data={"name": "mnist"})
    (tmp_path / "d-1").mkdir()
    (tmp_path / "d-1" / "run.json").write_text("{")
    return tmp_path


def names(folder: Path, wanted: Selection | None = None) -> str:
    return " ".join(run.status.folder.name[0] for run in collection(folder, wanted).runs)


def test_the_oldest_come_first_and_damaged_ones_last(runs: Path) -> None:
    found = collection(runs)
    assert names(runs) == "c b a d"
    assert [run.judges for run in found.runs] == [("a-1",), (), (), ()]
    assert (found.count, found.running, found.figures) == (4, False, [])
    assert found.runs[-1].status.state == "damaged"
    json.dumps([run.as_dictionary() for run in found.runs], allow_nan=False)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Selection(reverse=True), "a b c d"),
        (Selection(sort="name"), "a b c d"),
        (Selection(sort="name", reverse=True), "d c b a"),
        (Selection(sort="probe.accuracy"), "a b c d"),
        (Selection(sort="probe.accuracy", reverse=True), "b a c d"),
        (Selection(sort="probe.far"), "c b a d"),
        (Selection(recipes=("[ab]*",)), "b a"),
        (Selection(states=("failed", "damaged")), "c d"),
        (Selection(data=("dig*",)), "b"),
        (Selection(where=("phases.main.epochs=20",)), "b"),
        (Selection(where=("data.use=digits",)), "b"),
        (Selection(where=("seed=3", 'data.use="digits"')), "b"),
        (Selection(where=("seed=0",)), "c a"),
        (Selection(where=("phases.main.epochs=21",)), ""),
        (Selection(recipes=("a*", "c*"), sort="name"), "a c"),
    ],
    ids=repr,
)
def test_orders_and_filters(runs: Path, wanted: Selection, expected: str) -> None:
    assert names(runs, wanted) == expected


def test_figures_are_chosen_by_globs_and_sorting_shows_its_own(runs: Path) -> None:
    found = collection(runs, Selection(figures=("probe.acc*",), sort="probe.far"))
    assert found.figures == ["probe.accuracy", "probe.far"]
    assert {run.status.folder.name: run.figures.get("probe.accuracy") for run in found.runs} == {
        "a-1": 0.8, "b-1": 0.9, "c-1": None, "d-1": None,
    }  # fmt: skip
    json.dumps([run.as_dictionary() for run in found.runs], allow_nan=False)
    assert collection(runs, Selection(states=("failed",), figures=("no.*",))).figures == [], "where none has any yet"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            Selection(sort="probe.acuracy"),
            "--sort: no run has the figure 'probe.acuracy'; did you mean 'probe.accuracy'",
        ),
        (Selection(figures=("prob.*",)), "--figures: 'prob.*' matches no figure of these runs; "),
        (
            Selection(where=("phase.main.epochs=1",)),
            "no run's recipe says 'phase.main.epochs'; did you mean 'phases.main",
        ),
    ],
    ids=repr,
)
def test_what_no_run_has_is_said_with_what_is_near(runs: Path, wanted: Selection, said: str) -> None:
    with pytest.raises(UserError) as refused:
        collection(runs, wanted)
    assert said in refused.value.text()


@pytest.mark.parametrize("wrong", [{"states": ("finish",)}, {"where": ("epochs",)}, {"where": ("=3",)}], ids=repr)
def test_what_nothing_can_be_is_refused(wrong: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(UserError, match=r"did you mean 'finished'|write KEY=VALUE"):
        Selection(**wrong)  # type: ignore[arg-type]


def test_figures_of_all_recipes_of_a_run_the_own_first(fake_run: Path) -> None:
    figures = stored_figures(fake_run)
    assert list(figures)[:4] == ["linear.linear", "linear.convolutional", "linear.ratio", "correlation.agreement"]
    assert figures["edits.kept"] != figures["edits.kept"], "which is not a number"
    places = {name: path.name for name, path in evaluations_of(fake_run, "olr_celeba").items()}
    write_recipe(fake_run, "olr_celeba@validation", {})
    write_evaluations(fake_run, "olr_celeba@validation", {"linear": places["linear"]}, reported=True)
    assert stored_figures(fake_run)["linear.ratio@validation"] == figures["linear.ratio"]
    [place] = (fake_run / "evaluations").glob("linear-*")
    (place / "result.json").write_text('{"figures": {"linear": "much", "ratio": true, "right": 1}}')
    assert [name for name in stored_figures(fake_run) if name.startswith("linear.")] == [
        "linear.right", "linear.right@validation",
    ]  # fmt: skip
    (fake_run / "recipes.json").write_text("[")
    assert stored_figures(fake_run) == {}
