"""Loss curves as geometry for a template, which draws them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from semreg.store.numbers import distinct, number
from semreg.store.record import PhaseMetrics

Points = list[tuple[int, float]]

WIDTH, HEIGHT = 340, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 22
_MOST_POINTS = 300
MOST_TICKS = 6
_LOGARITHMIC_FROM = 40  # a loss whose largest value is this many times its smallest is drawn on a logarithmic axis


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    place: float
    label: str


@dataclass(frozen=True)
class Line:
    """One polyline: `kind` is `train` or `validation`, `dots` are the places of notable single values.

    `values` are the iteration and the loss of each point.
    """

    kind: str
    points: str
    dots: list[tuple[float, float]]
    values: Points


@dataclass(frozen=True)
class Chart:
    """The curve of one loss, in pixels of a WIDTH × HEIGHT picture.

    `other` is the same curve on the other kind of axis, if all values are above 0.
    """

    name: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    last: str
    logarithmic: bool
    other: Chart | None = None


def charts(metrics: PhaseMetrics) -> list[Chart]:
    """Return a chart for each loss of a phase that has finite values; training and validation share it."""
    names = dict.fromkeys([*metrics.train, *metrics.validation])
    drawn = (_chart(name, metrics.train.get(name, []), metrics.validation.get(name, [])) for name in names)
    return [chart for chart in drawn if chart is not None]


def overlaid(name: str, series: Sequence[tuple[str, Points]]) -> Chart | None:
    """Return the chart of several runs' curves of one loss, each with its kind and finite values; None if there are
    none.
    """
    return _drawn(name, series, "", _is_logarithmic(series)) if series else None


def thinned(points: Points, most: int = _MOST_POINTS) -> Points:
    """Reduce the finite points to at most `most`, each the mean of its neighbours."""
    points = _finite(points)
    width = math.ceil(len(points) / most) or 1
    groups = [points[start : start + width] for start in range(0, len(points), width)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _chart(name: str, train: Points, validation: Points) -> Chart | None:
    both = [("train", thinned(train)), ("validation", _finite(validation))]
    series = [(kind, points) for kind, points in both if points]
    if not series:
        return None
    last = number((_finite(train) or series[-1][1])[-1][1])
    logarithmic = _is_logarithmic(series)
    chart = _drawn(name, series, last, logarithmic)
    return replace(chart, other=_drawn(name, series, last, not logarithmic)) if min(_values(series)) > 0 else chart


def _values(series: Sequence[tuple[str, Points]]) -> list[float]:
    return [value for _, points in series for _, value in points]


def _is_logarithmic(series: Sequence[tuple[str, Points]]) -> bool:
    values = _values(series)
    return min(values) > 0 and max(values) > _LOGARITHMIC_FROM * min(values)


def _drawn(name: str, series: Sequence[tuple[str, Points]], last: str, logarithmic: bool) -> Chart:
    everything = [point for _, points in series for point in points]
    y_values = [math.log10(value) if logarithmic else value for _, value in everything]
    low, high = min(y_values), max(y_values)
    margin = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin
    x_low, x_high = min(x for x, _ in everything), max(x for x, _ in everything)

    def at_x(x: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (x - x_low) / max(1, x_high - x_low), 1)

    def at_y(y: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (y - low) / (high - low), 1)

    lines = []
    for kind, points in series:
        places = [(at_x(x), at_y(math.log10(y) if logarithmic else y)) for x, y in points]
        dots = places if len(places) == 1 or (kind == "validation" and len(places) <= 30) else []
        values = [(x, float(f"{y:.5g}")) for x, y in points]
        lines.append(Line(kind, " ".join(f"{x:g},{y:g}" for x, y in places), dots, values))
    ys, xs = (
        _round_powers(low, high) if logarithmic else _round_values(low, high),
        _round_values(x_low, x_high, least=1),
    )
    labels = distinct([10**y for y in ys] if logarithmic else ys)
    y_ticks = [Tick(at_y(y), label) for y, label in zip(ys, labels, strict=True)]
    x_ticks = [Tick(at_x(x), f"{x:.0f}") for x in xs]
    return Chart(name, lines, x_ticks, y_ticks, last, logarithmic)


def _finite(points: Points) -> Points:
    return [point for point in points if math.isfinite(point[1])]


def _round_powers(low: float, high: float) -> list[float]:
    """Return about four exponents of round numbers between two."""
    exponents = range(math.floor(low), math.ceil(high) + 1)
    factors = (1, 2, 5) if high - low < 1.5 else (1, 3) if high - low < 3 else (1,)
    every = max(1, round((high - low) / 4))
    values = [e + math.log10(f) for e in exponents if e % every == 0 for f in factors]
    return [value for value in values if low <= value <= high]


def _round_values(low: float, high: float, least: float = 0.0) -> list[float]:
    """Return two to six round numbers between two, at least `least` apart: fewer if that leaves no more."""
    if high <= low:
        return [low]
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    coarse = next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    finer = {1: 0.5, 2: 1, 5: 2, 10: 5}[coarse]
    found = _multiples(low, high, max(coarse * power, least))
    more = _multiples(low, high, max(finer * power, least))
    return more if len(found) < 3 and len(more) <= MOST_TICKS else found


def _multiples(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, math.floor(high / step + 1e-9) + 1)]
