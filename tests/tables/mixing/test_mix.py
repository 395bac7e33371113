"""Mixes of real runs on toy data: what is made, with what budget, what is left alone, what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import ClassField, Source, Specification, UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.tables.executors import here
from semreg.tables.making import MadeTable
from semreg.tables.ranking import ranked_rows
from semreg.training.phase import PhaseRunner
from semreg.training.trainer import Trainer
from tests.conftest import ToyData
from tests.tables.mixing.conftest import TWO_CODES

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that were made or gone on with, in order."""
    runs: list[str] = []
    run_recipe = here.run_recipe

    def recorded(recipe: Any, choices: Any, command: str, **more: bool) -> Any:
        runs.append(recipe.path.stem)
        return run_recipe(recipe, choices, command, **more)

    monkeypatch.setattr(here, "run_recipe", recorded)
    return runs


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(path, "losses.a", "losses.b")` mixes into `tmp_path / "runs"`."""

    def make(path: Path, *additions: str, **more: Any) -> MadeTable:
        return semreg.mix(path, additions, **{"out": tmp_path / "runs", "device": "cpu", "share": 0.5, **more})

    return make


@pytest.fixture
def recipe(toy: Toy, tmp_path: Path) -> Path:
    """A recipe with evaluations of which mixes need none, and a partial recipe beside it."""
    (tmp_path / "part.toml").write_text('losses.kl.reduction = "sum"\n')
    return toy('description = "Toy"\n[evaluate.seen]\nuse = "prior_samples(prior, z, reconstruction)"\n')


def table_of(made: MadeTable, row: int) -> dict[str, Any]:
    cell = made.grid.rows[row].cells[0]
    return json.loads((cell.folder / "recipe.json").read_text())  # type: ignore[no-any-return]


def test_additions_alone_and_in_pairs_beside_the_recipe_itself(recipe: Path, make: Make, made: list[str]) -> None:
    table = make(recipe, "losses.pull=2,part.toml", "losses.shrink", overrides=["losses.shrink.by=1e-3"])
    names = [row.name for row in table.grid.rows]
    assert made == names
    assert names == [
        "recipe", "recipe+pull", "recipe+part", "recipe+shrink",
        "recipe+pull+part", "recipe+pull+shrink", "recipe+part+shrink",
    ]  # fmt: skip
    assert [row.description for row in table.grid.rows][:4] == ["", "+ pull=2", "+ part", "+ shrink"]
    for row in table.grid.rows:
        [cell] = row.cells
        assert cell.facts.images == "24 train / 12 test"
        assert cell.facts.epochs == "1"
        assert list(cell.results) == ["probe", "reconstruction"]
    assert table_of(table, 0)["phases"]["main"]["train"]["encoder"] == {"rec": 1, "kl": 0.5}
    pulled_and_summed = table_of(table, 4)
    assert pulled_and_summed["losses"]["kl"]["reduction"] == "sum"
    assert pulled_and_summed["phases"]["main"]["train"]["encoder"]["pull"] == 2.0
    assert "shrink" not in pulled_and_summed["losses"]
    assert table_of(table, 6)["losses"]["shrink"] == {"use": "shrink(z)", "by": 1e-3}
    assert sum(standing.mean or 0 for standing in ranked_rows(table.grid)) == pytest.approx(4 * len(names))


def test_the_page_ranks_and_says_how(recipe: Path, make: Make) -> None:
    table = make(recipe, "losses.pull", command="semreg mix …")
    assert table.folder.name.startswith("recipe-mix-")
    text = (table.folder / "table.md").read_text()
    assert text.index("## Ranking") < text.index("## probe")
    assert "pull: pull(z, kind) trains encoder, weight 1." in text
    assert "No leakage: the recipe has one code." in text
    assert "Each run has 1 epoch on 0.5 of the training images; longer training may" in text
    tests = text.split("## Is the difference more than chance?")[1]
    assert re.search(r"\| \+ pull +\| probe.accuracy +\| recipe +\|", tests), "tested against the recipe itself"
    for _, cell in table.grid.cells:
        assert json.loads((cell.folder / "run.json").read_text())["command"] == "semreg mix …"
    ranking = json.loads((table.folder / "table.json").read_text())["ranking"]
    assert {one["row"] for one in ranking} == {"recipe", "recipe+pull"}
    assert sorted(path.name for path in table.folder.glob("*.toml")) == ["recipe+pull.toml"]


def test_a_recipe_for_each_mix_has_all_epochs_and_evaluations(recipe: Path, make: Make) -> None:
    table = make(recipe, "losses.pull,part.toml", overrides=["losses.pull.power=1.0"])
    assert len(list(table.folder.glob("*.toml"))) == 3
    path = table.folder / "recipe+pull+part.toml"
    assert "semreg run recipe+pull+part.toml --set losses.pull.power=1.0" in path.read_text()
    plan = check(load_recipe(path))
    assert plan.phases[0].epochs == 2
    assert list(plan.evaluations) == ["seen"]
    assert plan.matrix()["main"]["step"]["encoder"] == {"rec": 1, "kl": 0.5, "pull": 1}


def test_what_is_finished_stays_in_other_mixes_too(recipe: Path, make: Make, made: list[str]) -> None:
    first = make(recipe, "losses.pull")
    made.clear()
    assert make(recipe, "losses.pull").grid.rows == first.grid.rows
    assert made == []
    make(recipe, "part.toml,losses.pull")
    assert made == ["recipe+part", "recipe+part+pull"]
    made.clear()
    make(recipe, "losses.pull", epochs=2)
    assert made == ["recipe", "recipe+pull"]


def test_a_run_that_has_trained_the_same_is_only_evaluated(
    recipe: Path, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ["phases.main.epochs=1", "data.split.share=0.5"]
    own = semreg.run(recipe, overrides=short, out=tmp_path / "runs", device="cpu").folder
    trained: list[str] = []
    begin = Trainer.train

    def recorded(self: Trainer) -> None:
        trained.append(self.setting.plan.name)
        begin(self)

    monkeypatch.setattr(Trainer, "train", recorded)
    table = make(recipe, "losses.pull")
    assert trained == ["recipe+pull"]
    [cell] = table.grid.rows[0].cells
    assert (cell.folder, list(cell.results)) == (own, ["probe", "reconstruction"])
    assert list(own.glob("evaluations/seen-*")), "which is the recipe's own"


def test_what_was_stopped_goes_on(recipe: Path, make: Make, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    iterate = PhaseRunner.iterate

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        if "part" in self.setting.plan.name:
            raise KeyboardInterrupt
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(recipe, "losses.pull,part.toml")
    assert made == ["recipe", "recipe+pull", "recipe+part"]
    made.clear()
    table = make(recipe, "losses.pull,part.toml")
    assert made == ["recipe+part", "recipe+pull+part"]
    assert all(cell.finished for _, cell in table.grid.cells)
    shown = make(recipe, "losses.pull,part.toml", only_finished=True)
    assert shown.grid.rows == table.grid.rows


def test_without_a_table_nothing_but_the_runs_is_written(recipe: Path, make: Make, tmp_path: Path) -> None:
    table = make(recipe, "losses.pull", table=False)
    assert len(ranked_rows(table.grid)) == 2
    assert not (tmp_path / "runs" / "tables").exists()
    with pytest.raises(UserError, match="--plot: plots are part of the table's page; add --table"):
        make(recipe, "losses.pull", table=False, plots=["probe.accuracy:reconstruction.mean_squared_error"])


def test_a_model_of_two_codes_is_ranked_by_leakage_too(toy: Toy, make: Make) -> None:
    table = make(toy(TWO_CODES), "losses.pull", share=1.0)
    assert [figure for figure, _ in table.grid.ranking.figures] == [  # type: ignore[union-attr]
        "probe.accuracy", "leakage.mlp_means", "reconstruction.mean_squared_error",
    ]  # fmt: skip
    assert all(standing.mean for standing in ranked_rows(table.grid))


def test_the_label_chooses_among_several_attributes(toy: Toy, make: Make, register: Register) -> None:
    class Styled(ToyData):
        def specification(self) -> Specification:
            return {**super().specification(), "style": ClassField(("x", "y"))}

        def source(self) -> Source:
            source = super().source()
            return replace(source, labels={**source.labels, "style": source.labels["kind"] // 2})

    register("dataset", "styled", Styled)
    path = toy(f"data.use = 'styled'\n{TWO_CODES}")
    attributes = ["model.attributes={ kind = 'z_s', style = 'z_u' }"]
    table = make(path, "losses.pull", label="style", overrides=attributes)
    assert table_of(table, 1)["losses"]["pull"]["use"] == "pull(z_u, style)"
    assert table_of(table, 1)["evaluate"]["leakage"] == {"use": "leakage(z_s, style)"}


def test_the_fallback_of_a_recipe_has_the_budget_too(toy: Toy, make: Make) -> None:
    text = """
    data.missing = true
    [fallback.data]
    use = "toy"
    missing = false
    [fallback.phases.main]
    epochs = 7
    [fallback.evaluate.seen]
    use = "prior_samples(prior, z, reconstruction)"
    """
    table = make(toy(text), "losses.pull")
    for _, cell in table.grid.cells:
        assert cell.facts.epochs == "1"
        assert "not found" in cell.facts.fallback
        assert list(cell.results) == ["probe", "reconstruction"]


def test_mistakes_are_told_before_anything_is_trained(recipe: Path, make: Make, tmp_path: Path) -> None:
    for options, message in (
        ({"epochs": 0}, "--epochs: 0 is not a number of epochs; expected at least 1"),
        ({"share": 0.0}, "--share: 0.0 is not a share; expected a number above 0 and at most 1"),
        ({"share": 1.5}, "--share: 1.5 is not a share"),
        ({"label": "knd"}, "--label: 'knd' is not a field of classes among the attributes .*; did you mean 'kind'"),
        ({"seeds": "x"}, "--seeds: 'x'"),
        ({"name": "/"}, "--name: '/' names a folder"),
        ({"figures_of": ["redrawn"]}, "--figures-of: no recipe has the evaluation 'redrawn'"),
        ({"figures_of": ["probe"], "table": False}, "--figures-of: .* add --table"),
        ({"overrides": ["losses.pull.strange=1"]}, "losses.pull.strange  pull .* has no option 'strange'"),
        ({"overrides": ["losses.other.by=1"]}, "losses.other.use  missing"),
    ):
        with pytest.raises(UserError, match=message):
            make(recipe, "losses.pull", **options)
    (tmp_path / "seen.toml").write_text('[evaluate.more]\nuse = "tsne(z, kind)"\n')
    with pytest.raises(UserError, match=r"recipe\+seen\.toml +trains the same as .*recipe\.toml, so both are one run"):
        make(recipe, "seen.toml")
    with pytest.raises(UserError, match=r"there is no such recipe"):
        make(tmp_path / "none.toml", "losses.pull")
    (tmp_path / "odd.toml").write_text("losses = 3\n")
    with pytest.raises(UserError, match=r"odd\.toml"):
        make(tmp_path / "odd.toml", "losses.pull")
    assert not (tmp_path / "runs").exists()
