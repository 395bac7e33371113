"""Plots of a table: what is asked for, what is refused, and which points are drawn."""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Picture, Result, UserError
from semreg.tables import plots
from semreg.tables.grid import Cell, Compared, Plot, Row
from semreg.tables.plots import draw, evaluation_of, file_name, over_seeds, plots_of, require_plottable

PLOT = Plot("leakage.mlp", "redrawn.error")
TITLES = {"a": "A", "b": "B", "c": "C"}


def row(name: str, *results: dict[str, Result] | None) -> Row:
    """A row with a run for each; None is one not begun."""
    return Row(
        name,
        "",
        tuple(
            Cell(seed, Path(f"{name}-{seed}"), "not begun" if one is None else "finished", results=one or {})
            for seed, one in enumerate(results)
        ),
    )


def both(x: float, y: float) -> dict[str, Result]:
    return {"leakage": Result({"mlp": x, "other": 9.0}), "redrawn": Result({"error": y})}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The points and labels of the pictures that were drawn."""
    pictures: list[dict[str, Any]] = []

    def recorded(title: str, points: Any, *, caption: str, **labels: str) -> Picture:
        pictures.append({"title": title, "points": points, **labels})
        return Picture(title, b"", caption)

    monkeypatch.setattr(plots, "point_plot", recorded)
    return pictures


def test_plots_are_two_figures_each_once() -> None:
    assert plots_of(["a.b:c.d", "c.d:a.b", "a.b:c.d"]) == (Plot("a.b", "c.d"), Plot("c.d", "a.b"))
    assert plots_of([]) == ()


@pytest.mark.parametrize("text", ["", "a.b", "a.b:c.d:e.f", "a.b::c.d", "a.b c.d"])
def test_what_has_not_exactly_one_colon_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=rf"--plot: {re.escape(repr(text))}: write X:Y, two figures as"):
        plots_of(["a.b:c.d", text])


def test_plots_that_may_have_a_point_are_let_through_before_there_are_figures() -> None:
    require_plottable([PLOT, Plot("a.b.c", "redrawn.x.y")], [["leakage"], ["leakage", "redrawn", "a.b"]])


@pytest.mark.parametrize("name", ["leakag.mlp", "leakage", "mlp", "", "*.mlp", "leakages.mlp"])
def test_figures_of_no_evaluation_are_refused_before_there_are_figures(name: str) -> None:
    for plot in (Plot(name, "redrawn.error"), Plot("redrawn.error", name)):
        with pytest.raises(UserError, match=f"--plot: {re.escape(repr(name))} is (a figure of no|an) evaluation"):
            require_plottable([plot], [["leakage", "redrawn"]])


def test_a_figure_is_of_the_evaluation_with_the_longest_name_before_it() -> None:
    names = ["order", "order.far", "leakage"]
    assert [evaluation_of(f"{name}.mean", names) for name in names] == names
    assert [evaluation_of(name, names) for name in ("order", "orders.mean", "", "far.mean")] == [None] * 4


def test_evaluations_that_no_recipe_has_both_of_are_refused() -> None:
    with pytest.raises(UserError, match=r"no recipe has the evaluations of both 'leakage\.mlp' and 'redrawn\.error'"):
        require_plottable([PLOT], [["leakage"], ["redrawn"]])


def test_a_point_is_mean_and_sample_deviation_over_finished_runs(drawn: list[dict[str, Any]]) -> None:
    rows = [row("a", both(0.1, 3.0), both(0.4, 5.0), None), row("b", both(0.2, 7.0))]
    picture = draw(PLOT, rows, TITLES)
    assert picture is not None
    assert drawn == [
        {
            "title": "redrawn.error against leakage.mlp",
            "x_label": "leakage.mlp",
            "y_label": "redrawn.error",
            "points": {
                "A": (
                    (pytest.approx(0.25), pytest.approx(statistics.stdev([0.1, 0.4]))),
                    (pytest.approx(4), pytest.approx(statistics.stdev([3, 5]))),
                ),
                "B": ((0.2, None), (7.0, None)),
            },
        }
    ]
    assert picture.caption == "Mean over seeds, with bars of the sample standard deviation."


def test_rows_without_a_value_of_both_figures_are_named(drawn: list[dict[str, Any]]) -> None:
    rows = [row("a", both(0.1, 3.0)), row("b", {"leakage": Result({"mlp": 1.0})}), row("c", None)]
    picture = draw(PLOT, rows, TITLES)
    assert picture is not None
    assert picture.caption == "One run each. Left out, without a value of both figures: B, C."
    assert list(drawn[0]["points"]) == ["A"]
    assert draw(PLOT, rows[1:], TITLES) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.7e308])
def test_values_that_cannot_be_drawn_are_left_out(value: float) -> None:
    picture = draw(PLOT, [row("a", both(value, 1.0)), row("b", both(1.0, 1.0))], TITLES)
    assert picture is not None
    assert picture.caption.endswith("Left out, without a value of both figures: A.")
    assert draw(PLOT, [row("a", both(value, 1.0))], TITLES) is None
    assert draw(PLOT, [row("a", both(9e299, -9e299), both(-9e299, 0.0))], TITLES) is not None


names = st.text(st.characters(exclude_characters=":", codec="utf-8"), max_size=150)


@given(st.lists(st.builds(Plot, names, names), max_size=6, unique=True))
def test_files_of_plots_do_not_collide_and_need_no_escape(plots: list[Plot]) -> None:
    files = {file_name(plot).lower() for plot in plots}
    assert len(files) == len(plots)
    assert all(re.fullmatch(r"[a-z0-9_.-]{1,120}\.png", file) for file in files)


def test_a_file_says_which_figures_it_shows() -> None:
    assert re.fullmatch(r"leakage\.mlp-redrawn\.error-[0-9a-f]{6}\.png", file_name(PLOT))
    assert file_name(Plot("a.b!", "c.d")) != file_name(Plot("a.b?", "c.d"))


def test_a_figure_of_a_comparison_is_of_a_rows_runs_together() -> None:
    one = row("a", {"probe": Result({"accuracy": 0.5})}, {"probe": Result({"accuracy": 0.7})})
    figures = {"distance": 3.0, "x.y": 2.0, "none": math.nan, "huge": 1e305}
    one = replace(one, compared={"apart": Compared(2, Result(figures)), "failed": Compared(2, failure="no")})
    assert over_seeds(one, "apart.distance") == (3.0, None, 2)
    assert over_seeds(one, "apart.x.y") == (2.0, None, 2)
    for name in ("apart.none", "apart.huge", "apart.accuracy", "failed.distance", "apart"):
        assert over_seeds(one, name) is None
    found = over_seeds(one, "probe.accuracy")
    assert found is not None
    assert found.runs == 2
