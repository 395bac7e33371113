"""Grids of real runs on toy data: the figures, plots, rankings and pictures that a caller chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Result, UserError
from semreg.tables.making import MadeTable
from semreg.trained import better
from semreg.trained.run import TensorHandle
from tests.tables.conftest import SCORED

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_figures_are_chosen_and_those_that_match_nothing_told(make: Make, two: list[Path]) -> None:
    table = make(two, figures=["probe.l*"], name="losses")
    assert table.folder.name.startswith("losses-")
    text = (table.folder / "table.md").read_text()
    assert " loss |" in text
    assert "accuracy" not in text.partition("## probe")[2].partition("1 more figure")[0]
    with pytest.raises(
        UserError, match=r"'probe\.acc' matches no figure; expected one of: probe\.accuracy, probe\.loss"
    ):
        make(two, figures=["probe.acc"])


def test_a_plot_has_a_point_for_each_recipe(make: Make, two: list[Path], toy: Toy) -> None:
    table = make([*two, toy("", "bare.toml")], seeds=2, plots=["probe.loss:probe.accuracy"])
    (picture,) = table.folder.glob("*.png")
    text = (table.folder / "table.md").read_text()
    assert f"![probe.accuracy against probe.loss]({picture.name})" in text
    assert (
        "Mean over seeds, with bars of the sample standard deviation. Left out, without a value of both figures: bare."
        in text
    )
    assert 'src="data:image/png;base64,' in (table.folder / "table.html").read_text()


def test_a_figure_of_a_plot_that_no_run_has_is_told_at_the_latest_when_they_are_made(
    make: Make, two: list[Path], made: list[str]
) -> None:
    for runs in (["plain:None", "better:None"], []):
        with pytest.raises(UserError, match=r"no recipe has the figure 'probe\.acc'; did you mean 'probe\.accuracy'"):
            make(two, plots=["probe.loss:probe.acc"])
        assert made == runs
        made.clear()


def test_rows_are_ranked_by_the_figures_that_are_named(
    make: Make, toy: Toy, register: Callable[[str, str, Any], None], made: list[str]
) -> None:
    @better(higher=["acc*"])
    def graded(z: TensorHandle, *, grade: float) -> Result:
        return Result({"accuracy": grade})

    register("evaluation", "graded", graded)
    texts = {name: f'{SCORED}use = "graded(z)"\ngrade = {grade}\n' for name, grade in (("poor", 0.1), ("good", 0.9))}
    recipes = [toy(text.replace('use = "scored(z)"\n', ""), f"{name}.toml") for name, text in texts.items()]
    with pytest.raises(UserError, match=r"--rank: 'probe' is an evaluation; add one of its figures"):
        make(recipes, rank=["probe"])
    assert made == []
    table = make(recipes, rank=["probe.accuracy"])
    assert table.best is not None
    assert [table.best.name, table.best.cells[0].state] == ["good", "finished"]
    assert "## Ranking" in table._repr_markdown_()
    with pytest.raises(UserError, match=r"--rank: no recipe has the figure 'probe\.acc'; did you mean 'probe\.accura"):
        make(recipes, rank=["probe.acc"])


def test_pictures_are_written_over_the_rows_and_shown_side_by_side(
    make: Make, toy: Toy, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = '[evaluate.seen]\nuse = "prior_samples(prior, z, reconstruction)"\n'
    recipes = [toy(f"{SCORED}{drawn}", "plain.toml"), toy(f"optimizer.lr = 0.02\n{SCORED}{drawn}", "better.toml")]
    with pytest.raises(UserError, match="--figures-of: no recipe has the evaluation 'sen'; did you mean 'seen'"):
        make(recipes, figures_of=["sen"])
    assert made == []
    with pytest.raises(UserError, match="--figures-of: 'probe' has no pictures; expected one of: seen"):
        make(recipes, figures_of=["probe"])
    assert made == ["plain:None"], "known once a run is finished"
    table = make(recipes, figures_of=["seen"])
    assert made == ["plain:None", "better:None"]
    png, pdf = sorted(table.folder.glob("seen-Samples_from_the_prior-*"), reverse=True)
    assert (png.suffix, pdf.suffix) == (".png", ".pdf")
    assert f"figure: {png}\nfigure: {pdf}\n" in capsys.readouterr().err
    text = (table.folder / "table.html").read_text()
    assert text.count('<div class="line"') == 6
    assert text.count("<polyline") > 1
