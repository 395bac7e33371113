"""Slices of a sweep: the metric over each key, on an axis that suits its values, with a line for all that is fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Picture, Result
from semreg.tables.grid import Cell, Grid, Ranked, Ranking, Row
from semreg.tables.pictures import slices as module
from semreg.tables.pictures.slices import is_logarithmic, slices
from semreg.tables.view import view

METRIC = "probe.accuracy"


def row(varied: dict[str, Any], *values: float) -> Row:
    name = "-".join(map(str, varied.values()))
    cells = [
        Cell(seed, Path(name), "finished", results={"probe": Result({"accuracy": value})})
        for seed, value in enumerate(values)
    ]
    return Row(name, "", tuple(cells) or (Cell(0, Path(name), "not begun"),), varied=varied)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was drawn, in order."""
    pictures: list[dict[str, Any]] = []

    def recorded(title: str, series: Any, **more: Any) -> Picture:
        pictures.append({"title": title, "series": series, **more})
        return Picture(title, b"", more["caption"])

    monkeypatch.setattr(module, "line_plot", recorded)
    return pictures


def test_each_key_has_a_slice_with_a_line_for_each_setting_of_the_others(drawn: list[dict[str, Any]]) -> None:
    rows = (
        row({"kl": 0.1, "net": "small"}, 0.5, 0.7),
        row({"kl": 0.01, "net": "small"}, 0.4),
        row({"kl": 0.1, "net": "large"}, 0.8),
        row({"kl": 1.0, "net": "large"}),
    )
    pictures = slices(Grid("sweep", rows, metric=METRIC))
    assert [one["title"] for one in drawn] == ["probe.accuracy over kl", "probe.accuracy over net"]
    assert len(pictures) == 2
    of_kl, of_net = drawn
    assert of_kl["series"] == {
        'net = "small"': ([0.01, 0.1], [0.4, pytest.approx(0.6)]),
        'net = "large"': ([0.1], [0.8]),
    }
    assert of_kl["deviations"] == {'net = "small"': [0.0, pytest.approx(0.1414, abs=1e-4)]}
    assert of_kl["log_x"]
    assert of_kl["x_ticks"] == {0.01: "0.01", 0.1: "0.1"}
    assert of_kl["caption"] == "Mean over seeds, with bars of the sample standard deviation."
    assert of_net["series"]["kl = 0.1"] == ([0.0, 1.0], [pytest.approx(0.6), 0.8])
    assert of_net["x_ticks"] == {0.0: '"small"', 1.0: '"large"'}
    assert not of_net["log_x"]


@pytest.mark.parametrize(("higher", "best"), [(True, 0.9), (False, 0.0)])
def test_of_many_settings_the_best_is_shown(drawn: list[dict[str, Any]], higher: bool, best: float) -> None:
    rows = tuple(row({"kl": kl, "lr": lr}, lr / 10) for kl in (1, 2) for lr in range(10))
    slices(Grid("sweep", rows, metric=METRIC, ranking=Ranking((Ranked(METRIC, higher),))))
    name = "the highest" if higher else "the lowest"
    assert drawn[0]["series"] == {name: ([1.0, 2.0], [best, best])}
    assert f"For each value {name} of 10 settings of the other keys." in drawn[0]["caption"]
    assert len(drawn[1]["series"]) == 2


def test_rows_of_a_search_are_points(drawn: list[dict[str, Any]]) -> None:
    rows = tuple(row({"kl": 1 / k, "lr": 10.0**-k, "net": "ab"[k % 2]}, k / 20) for k in range(1, 13))
    slices(Grid("sweep", rows, metric=METRIC))
    of_kl, of_lr, of_net = drawn
    assert of_lr["series"] == {METRIC: ([10.0**-k for k in range(12, 0, -1)], [k / 20 for k in range(12, 0, -1)])}
    assert [one["connected"] for one in drawn] == [False] * 3
    assert [one["log_x"] for one in drawn] == [True, True, False]
    assert list(of_lr["x_ticks"].values()) == ["1e-12", "6e-10", "3e-07", "0.00018", "0.1"]
    assert of_net["x_ticks"] == {0.0: '"b"', 1.0: '"a"'}
    assert of_net["series"][METRIC][0] == [0.0] * 6 + [1.0] * 6, "all rows, however many have a value"
    assert of_kl["caption"] == "One run each."
    slices(Grid("sweep", (*rows, row({"kl": 0.3, "lr": 0.1, "net": "b"}, 0.5)), metric=METRIC))
    assert not any(one["connected"] for one in drawn), "two have one rate by chance"


def test_a_line_of_many_values_is_drawn_without_their_names(drawn: list[dict[str, Any]]) -> None:
    slices(Grid("sweep", tuple(row({"kl": k}, k / 20) for k in range(1, 13)), metric=METRIC))
    assert (drawn[0]["x_ticks"], drawn[0]["connected"], drawn[0]["log_x"]) == (None, True, False)


@pytest.mark.parametrize("values", [(0.00068, 0.00075, 0.00125, 0.00126), (0.001, 0.01, 0.1, 0.100001)])
def test_names_of_values_that_would_lie_on_each_other_are_left_out(
    drawn: list[dict[str, Any]], values: tuple[float, ...]
) -> None:
    slices(Grid("sweep", tuple(row({"lr": value}, 0.5) for value in values), metric=METRIC))
    assert len(drawn[0]["x_ticks"] or ()) in (0, module.TICKS)


def test_what_is_not_varied_and_what_has_no_value_has_no_slice(drawn: list[dict[str, Any]]) -> None:
    rows = (row({"kl": 1, "lr": 1}, 0.5), row({"kl": 2, "lr": 1}, 0.6), row({"kl": 2, "lr": 2}))
    assert len(slices(Grid("sweep", rows, metric=METRIC))) == 1
    assert drawn[0]["title"] == "probe.accuracy over kl"
    assert slices(Grid("sweep", rows)) == {}
    assert slices(Grid("sweep", rows, metric="probe.other")) == {}
    assert slices(Grid("table", (row({}, 0.5), row({}, 0.6)), metric=METRIC)) == {}


def test_values_of_any_kind_are_told_apart(drawn: list[dict[str, Any]]) -> None:
    values = [True, 1, "1", [1, 2], {"use": "adam"}]
    slices(Grid("sweep", tuple(row({"key": value}, 0.5) for value in values), metric=METRIC))
    assert list(drawn[0]["x_ticks"].values()) == ["true", "1", '"1"', "[1, 2]", '{ use = "adam" }']


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        ([0.001, 0.01, 0.1], True), ([1, 2, 4, 8], True), ([1, 3, 10, 30], True), ([1, 10], True),
        ([1, 2, 3], False), ([16, 32, 48, 64], False), ([1, 2], False), ([0, 1, 10], False), ([-1, 1], False),
    ],
)  # fmt: skip
def test_the_axis_suits_the_values(values: list[float], logarithmic: bool) -> None:
    assert is_logarithmic(values) is logarithmic


@given(st.floats(1e-3, 1e3), st.floats(1.5, 20), st.integers(3, 30))
def test_geometric_values_are_logarithmic_and_arithmetic_ones_are_not(first: float, step: float, count: int) -> None:
    assert is_logarithmic([first * step**place for place in range(count)])
    assert not is_logarithmic([first + step * place for place in range(count)])


def test_slices_stand_among_the_pictures_of_a_table() -> None:
    rows = (row({"kl": 1}, 0.5, 0.6), row({"kl": 10}, 0.6, 0.7))
    ((name, picture),) = view(Grid("sweep", rows, metric=METRIC), "").pictures.items()
    assert name.startswith("probe.accuracy-over-kl-")
    assert picture.png.startswith(b"\x89PNG")


def test_lines_are_named_as_shortly_as_keys_are_apart(drawn: list[dict[str, Any]]) -> None:
    rows = tuple(
        row({"optimizer.lr": lr, "phases.a.epochs": a, "phases.b.epochs": b}, 0.5)
        for lr in (1, 2) for a in (1, 2) for b in (3, 4)
    )  # fmt: skip
    slices(Grid("sweep", rows, metric=METRIC))
    assert next(iter(drawn[0]["series"])) == "a.epochs = 1, b.epochs = 3"
    assert next(iter(drawn[1]["series"])) == "lr = 1, epochs = 3"
