"""Plots fit their labels, show what they are given and refuse what they cannot draw."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from semreg.pictures import (
    bar_plot,
    class_colours,
    heat_map,
    line_plot,
    plots,
    point_plot,
    scatter_plot,
    share_plot,
)
from tests.pictures.conftest import pixels

LETTERS = ["a", "b", "c"]


def test_points_have_the_colours_of_their_classes() -> None:
    colours = class_colours(3)
    drawn = pixels(scatter_plot("points", [[0, 0], [1, 1], [0, 9], [9, 9]], [0, 0, 2, 2], LETTERS)).reshape(-1, 3)
    present = {"#" + bytes(pixel).hex() for pixel in np.unique(drawn, axis=0)}
    assert colours[0] in present
    assert colours[2] in present
    assert colours[1] not in present


def test_points_within_the_same_limits_are_drawn_to_one_scale() -> None:
    def extent(points: list[list[float]]) -> int:
        limits = ((-1.0, 11.0), (-1.0, 11.0))
        drawn = pixels(scatter_plot("points", points, [0] * len(points), [""], limits=limits)).astype(int)
        rows = np.flatnonzero((drawn.max(2) - drawn.min(2) > 80).any(1))
        return int(rows[-1] - rows[0])

    assert extent([[0, 0], [5, 5], [10, 10]]) == pytest.approx(2 * extent([[0, 0], [2.5, 2.5], [5, 5]]), abs=8)


@pytest.mark.parametrize("count", [1, 2, 10, 40])
def test_every_class_has_a_colour_of_its_own(count: int) -> None:
    assert len(set(class_colours(count))) == count


def test_two_classes_differ_in_blue_not_only_in_red_and_green() -> None:
    first, second = (int(colour[5:], 16) for colour in class_colours(2))
    assert abs(first - second) > 100


@pytest.mark.parametrize(
    "draw",
    [
        lambda: scatter_plot("points", torch.zeros(3, 2), torch.zeros(2), LETTERS),
        lambda: heat_map("map", torch.eye(3), ["a", "b"]),
        lambda: heat_map("map", torch.eye(3), LETTERS, ["a", "b"]),
        lambda: bar_plot("bars", ["a", "b"], {"x": [1.0]}, y_label="y"),
        lambda: point_plot("points", {}, x_label="x", y_label="y"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shape(draw: Any) -> None:
    with pytest.raises(ValueError, match="got"):
        draw()


def test_heat_maps_colour_the_sign() -> None:
    drawn = pixels(heat_map("map", torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), ["a", "b"])).astype(int)
    red, blue = (drawn[..., 0] - drawn[..., 2] > 60).sum(), (drawn[..., 2] - drawn[..., 0] > 60).sum()
    assert min(red, blue) > 1000


def test_a_heat_map_may_name_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "png_of", lambda figure: figures.append(figure) or b"")
    heat_map("", torch.ones(2, 3), ["a row", "another"], LETTERS, limits=(0, 1))
    axes = figures[0].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a row", "another"]
    assert [label.get_text() for label in axes.get_xticklabels()] == LETTERS
    assert len(axes.texts) == 6


def test_many_bars_lie_on_their_side() -> None:
    few = pixels(bar_plot("bars", LETTERS, {"x": [1.0, 2.0, 3.0]}, y_label="y"))
    many = pixels(bar_plot("bars", LETTERS * 10, {"x": [1.0, 2.0, 3.0] * 10, "y": [1.0] * 30}, y_label="y"))
    assert many.shape[1] == few.shape[1]
    assert many.shape[0] > 2 * few.shape[0]


@pytest.mark.parametrize("labels", [LETTERS, ["a label too long for standing beside others"] * 3])
def test_a_line_is_named_and_crosses_all_bars(labels: list[str]) -> None:
    plain, crossed = (
        pixels(bar_plot("bars", labels, {"x": [1.0, 1.0, 1.0]}, y_label="y", line=line)) for line in (None, ("l", 0.4))
    )
    ink = [int((drawn.max(2) < 90).sum()) for drawn in (plain, crossed)]
    assert ink[1] > ink[0] + 100


def test_logarithmic_lines_differ_from_linear_ones() -> None:
    series = {"loss": (torch.arange(30), torch.logspace(0, -4, 30)), "other": ([1, 2], [0.1, 0.2])}
    linear, logarithmic = (line_plot("loss", series, x_label="x", y_label="y", log_y=log) for log in (False, True))
    assert linear.png != logarithmic.png


def test_shares_fill_their_bars() -> None:
    picture = share_plot("s", ["a", "b"], {"one": [1, 0], "two": [3, 2]}, totals=["4 s", "2 s"])
    drawn = pixels(picture).astype(int)
    blue, orange = (drawn[..., 2] - drawn[..., 0] > 100).sum(), (drawn[..., 0] - drawn[..., 2] > 100).sum()
    assert 6 < orange / blue < 8  # shares of 25 % and 75 %, 0 % and 100 %
    assert share_plot("s", ["a"], {"one": [0.0]}).png
    with pytest.raises(ValueError, match="shares of 2 labels"):
        share_plot("s", ["a", "b"], {"one": [1, 2], "two": [1]})
    with pytest.raises(ValueError, match="2 totals are needed, got 1"):
        share_plot("s", ["a", "b"], {"one": [1, 2]}, totals=["x"])


Point = tuple[tuple[float, float | None], tuple[float, float | None]]


def plotted(points: dict[str, Point]) -> NDArray[np.uint8]:
    return pixels(point_plot("points", points, x_label="x", y_label="y"))


def blue_of_the_axes(drawn: NDArray[np.uint8]) -> tuple[int, int]:
    """Columns and rows that the first point, in blue, takes, within the axes."""
    blue = (drawn[:, :780] == (0x2F, 0x6F, 0xDE)).all(2)
    return int(blue.any(0).sum()), int(blue.any(1).sum())


def test_error_bars_reach_to_both_sides_where_there_is_a_deviation() -> None:
    def extent(x: float | None, y: float | None) -> tuple[int, int]:
        corners: dict[str, Point] = {"b": ((-3, None), (-3, None)), "c": ((3, None), (3, None))}
        return blue_of_the_axes(plotted({"a": ((0, x), (0, y)), **corners}))

    none, across, upwards = extent(None, None), extent(1, None), extent(None, 1)
    assert across[0] > none[0] + 100
    assert abs(across[1] - none[1]) < 6  # the caps
    assert upwards[1] > none[1] + 80
    assert abs(upwards[0] - none[0]) < 6
    assert extent(2, None)[0] == pytest.approx(2 * across[0], rel=0.1)


def test_points_are_not_joined() -> None:
    drawn = plotted({"a": ((0, None), (0, None)), "b": ((1, None), (1, None)), "c": ((0, None), (1, None))})
    coloured = drawn[:, :780].astype(int)
    rows = np.flatnonzero((coloured.max(2) - coloured.min(2) > 60).any(1))
    assert (np.diff(rows) > 100).sum() == 1  # nothing between the points above and those below


def test_points_in_one_place_keep_their_numbers_apart() -> None:
    colours = [(0x2F, 0x6F, 0xDE), (0xE0, 0x7A, 0x2F), (0x1D, 0x9A, 0x78), (0xA0, 0x4F, 0xB5)]
    drawn = plotted(dict.fromkeys("abcd", ((0.5, None), (0.5, None))))[:, :780]
    *under, top = (np.argwhere((drawn == colour).all(2)) for colour in colours)
    marker = np.median(top, axis=0)  # it lies over the others', of which only the numbers are left
    assert all(len(number) > 10 for number in under)
    assert {tuple(number.mean(0) > marker) for number in under} == {(False, True), (True, False), (False, False)}


def test_names_make_room_beside_the_axes() -> None:
    point: Point = ((1, None), (2, 0.5))
    short, long = plotted({"a": point}), plotted({"a name of many letters for one point": point})
    assert long.shape[1] > short.shape[1] + 150
    assert plotted({"x" * 400: point}).shape[1] < 1600
    many = plotted({f"recipe {number}": point for number in range(60)})
    assert many.shape[0] > 3 * short.shape[0]
    for drawn in (short, long, many):
        for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
            assert (edge > 250).all(), "a name is cut off"
    one, other = plotted({"a": point, "b": point}), plotted({"b": point, "a": point})
    assert (one[:, :780] == other[:, :780]).all()
    assert (one[:, 780:] != other[:, 780:]).any()


@pytest.mark.parametrize(
    ("x", "y", "xs_are_whole", "lowest"), [([1, 2, 3], [0, 0, 0], True, -0.05), ([0.5, 1, 2], [1, 2, 3], False, None)]
)
def test_whole_numbers_have_whole_ticks_and_nothing_lies_at_the_foot(
    x: list[float], y: list[float], xs_are_whole: bool, lowest: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "png_of", lambda figure: figures.append(figure) or b"")
    plots.line_plot("", {"a": (x, y)}, x_label="", y_label="")
    [axes] = figures[0].axes
    assert all(float(tick) % 1 == 0 for tick in axes.get_xticks()) is xs_are_whole
    assert lowest is None or axes.get_ylim() == (lowest, 1)


def test_a_little_below_zero_has_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "png_of", lambda figure: figures.append(figure) or b"")
    heat_map("", [[1, -0.001], [-0.5, math.nan]], ["a", "b"])
    assert [text.get_text() for text in figures[0].axes[0].texts] == ["1.00", "0.00", "-0.50", "–"]


def test_ticks_stand_where_they_are_asked_for_and_bars_reach_as_far_as_points_deviate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "png_of", lambda figure: figures.append(figure) or b"")
    series = {"a": ([0.1, 1, 10], [1, 2, 3]), "b": ([0.1], [5])}
    ticks = {0.1: "a tenth", 1: "one", 10: "ten"}
    deviations = {"a": [0.5, 0.0, 0.25]}
    plots.line_plot("", series, x_label="", y_label="", log_x=True, x_ticks=ticks, deviations=deviations)
    [axes] = figures[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a tenth", "one", "ten"]
    assert (axes.get_xscale(), list(axes.get_xticks(minor=True))) == ("log", [])
    with_bars, without = axes.containers
    (bars,) = with_bars.lines[2]
    assert [abs(bar[1][1] - bar[0][1]) for bar in bars.get_segments()] == [1.0, 0.0, 0.5]
    assert not without.has_yerr
