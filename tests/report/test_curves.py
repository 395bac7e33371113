"""Loss curves fit their picture, whatever the numbers."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from semreg.report.curves import HEIGHT, WIDTH, charts, overlaid, thinned
from semreg.store.record import PhaseMetrics

values = st.one_of(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.sampled_from([math.nan, math.inf, 0.0]))
points = st.lists(st.tuples(st.integers(1, 10**6), values), max_size=40).map(sorted)


@given(points, points)
def test_everything_drawn_lies_within_the_picture(
    train: list[tuple[int, float]], validation: list[tuple[int, float]]
) -> None:
    drawn = charts(PhaseMetrics({"loss": train}, {"loss": validation}))
    finite = [value for _, value in train + validation if math.isfinite(value)]
    assert len(drawn) == bool(finite)
    for chart in drawn:
        places = [tuple(map(float, pair.split(","))) for line in chart.lines for pair in line.points.split()]
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
        assert all(0 <= tick.place <= WIDTH for tick in chart.x_ticks)
        assert all(0 <= tick.place <= HEIGHT for tick in chart.y_ticks)
        assert 1 <= len(chart.x_ticks) <= 6
        for ticks in (chart.x_ticks, chart.y_ticks):
            assert len({tick.label for tick in ticks}) == len(ticks)
            assert len({tick.place for tick in ticks}) == len(ticks)


def test_higher_losses_are_drawn_higher_and_later_ones_further_right() -> None:
    (chart,) = charts(PhaseMetrics({"loss": [(1, 3.0), (50, 2.0), (100, 1.0)]}))
    places = [tuple(map(float, pair.split(","))) for pair in chart.lines[0].points.split()]
    assert places == sorted(places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    assert (chart.last, chart.logarithmic) == ("1", False)
    assert [tick.label for tick in chart.y_ticks] == ["1", "2", "3"]


def test_losses_over_orders_of_magnitude_are_drawn_logarithmically() -> None:
    (chart,) = charts(PhaseMetrics({"loss": [(k, 10.0**-k) for k in range(5)]}))
    assert chart.logarithmic
    assert [tick.label for tick in chart.y_ticks] == ["0.0001", "0.001", "0.01", "0.1", "1"]


def test_long_curves_are_thinned_to_means() -> None:
    (chart,) = charts(PhaseMetrics({"loss": [(k, float(k % 2)) for k in range(10_000)]}))
    heights = {pair.split(",")[1] for pair in chart.lines[0].points.split()}
    assert len(chart.lines[0].points.split()) <= 300
    assert len(heights) == 1


def test_both_axes_have_numbers_enough_to_read_by() -> None:
    (chart,) = charts(PhaseMetrics({"loss": [(10, 14.9), (15, 9.0), (22, 5.58)]}))
    assert [tick.label for tick in chart.y_ticks] == ["6", "8", "10", "12", "14"]
    assert [tick.label for tick in chart.x_ticks] == ["10", "15", "20"]


def test_numbers_on_an_axis_do_not_repeat() -> None:
    places = [(1_000_000, 0.69314), (1_000_001, 0.69316), (1_000_003, 0.69319)]
    (chart,) = charts(PhaseMetrics({"loss": places}))
    assert [tick.label for tick in chart.x_ticks] == ["1000000", "1000001", "1000002", "1000003"]
    assert [tick.label for tick in chart.y_ticks] == ["0.69314", "0.69316", "0.69318"]


def test_curves_of_several_runs_share_axes() -> None:
    short, long = [(10, 1.0), (20, 2.0)], [(10, 4.0), (40, 3.0)]
    chart = overlaid("loss", [("train", short), ("validation", long), ("train", long)])
    assert chart is not None
    assert [(line.kind, line.values) for line in chart.lines] == [
        ("train", short), ("validation", long), ("train", long),
    ]  # fmt: skip
    ends = [float(line.points.split()[-1].split(",")[0]) for line in chart.lines]
    assert ends[0] < ends[1] == ends[2]
    assert overlaid("loss", []) is None


@given(points, st.integers(1, 50))
def test_thinned_points_are_few_finite_and_end_where_they_ended(points: list[tuple[int, float]], most: int) -> None:
    thin = thinned(points, most)
    finite = [point for point in points if math.isfinite(point[1])]
    assert len(thin) <= most
    assert [x for x, _ in thin][-1:] == [x for x, _ in finite][-1:]
    assert all(math.isfinite(value) for _, value in thin)


def test_the_other_axis_shows_the_same_values_and_there_is_none_where_one_is_not_above_zero() -> None:
    (chart,) = charts(PhaseMetrics({"loss": [(1, 100.0), (2, 10.0), (3, 1.0)]}))
    assert chart.logarithmic
    assert chart.other is not None
    assert not chart.other.logarithmic
    heights = [[float(pair.split(",")[1]) for pair in one.lines[0].points.split()] for one in (chart, chart.other)]
    (_, middle, _), (_, linear, _) = heights
    assert abs(middle - sum(heights[0]) / 3) < 0.2
    assert linear > middle
    assert chart.lines[0].values == chart.other.lines[0].values == [(1, 100.0), (2, 10.0), (3, 1.0)]
    (flat,) = charts(PhaseMetrics({"loss": [(1, 1.0), (2, 0.0)]}))
    assert flat.other is None
