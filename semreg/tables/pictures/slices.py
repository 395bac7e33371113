"""Slices of a sweep: its metric over each varied key."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semreg.core import Picture
from semreg.pictures import line_plot
from semreg.recipe.toml_text import toml_value
from semreg.store.numbers import number
from semreg.tables.grid import Grid, Statistic
from semreg.tables.plots import file_name, over_seeds, said_of_runs
from semreg.tables.sweeping.axes import Axis, short_keys

MOST_LINES = 8
"""The most lines of a slice: of more settings of the other keys it shows the best."""
MOST_VALUES = 10
"""The most values with names below the axis, which count as chosen by hand."""
TICKS = 5
"""The ticks of a logarithmic axis whose values have no names."""
LOGARITHMIC_FROM = 10
"""Two positive values with at least this ratio use a logarithmic axis."""

Setting = tuple[tuple[str, str], ...]
"""Keys with the texts of their values."""


def slices(grid: Grid) -> dict[str, Picture]:
    """Return for each varied key in a grid's rows a picture of the metric over its values, by the names of files.

    The settings of all other keys are lines; of many it draws the best, and points if hardly any two rows share a
    setting, as in a search. There is none for a key with only one value, and for a grid without a metric.
    """
    if grid.metric is None:
        return {}
    metric = grid.metric
    found = [(row.varied, one) for row in grid.rows if row.varied and (one := over_seeds(row, metric))]
    keys = dict.fromkeys(key for varied, _ in found for key in varied)
    drawn = {}
    for key in keys:
        values = [varied[key] for varied, _ in found if key in varied]
        if len({_text(value) for value in values}) > 1:
            drawn[file_name((metric, "over", key))] = _slice(grid, metric, key, found)
    return drawn


def _slice(grid: Grid, metric: str, key: str, found: Sequence[tuple[Mapping[str, Any], Statistic]]) -> Picture:
    values = {_text(varied[key]): varied[key] for varied, _ in found if key in varied}
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.values())
    order = sorted(values, key=lambda text: values[text]) if numeric else list(values)
    places = {text: float(values[text]) if numeric else float(place) for place, text in enumerate(order)}
    lines: dict[Setting, dict[str, Statistic]] = {}
    for varied, one in found:
        if key in varied:
            rest = tuple((other, _text(value)) for other, value in varied.items() if other != key)
            lines.setdefault(rest, {})[_text(varied[key])] = one
    caption = said_of_runs([one for _, one in found])
    apart = len(lines) > MOST_LINES and sum(map(len, lines.values())) < 2 * len(lines)
    if apart:
        points = [(text, one) for line in lines.values() for text, one in line.items()]
        named = {metric: sorted(points, key=lambda point: places[point[0]])}
    elif len(lines) > MOST_LINES:
        best, name = _best(grid, metric)
        caption += f" For each value the {name} of {len(lines)} settings of the other keys."
        chosen = {
            text: best((line[text] for line in lines.values() if text in line), key=lambda one: one.mean)
            for text in order
        }
        named = {f"the {name}": list(chosen.items())}
    else:
        short = _short([other for rest in lines for other, _ in rest])
        named = {
            ", ".join(f"{short[other]} = {text}" for other, text in rest) or metric: [
                (text, line[text]) for text in order if text in line
            ]
            for rest, line in lines.items()
        }
    series = {name: ([places[text] for text, _ in line], [one.mean for _, one in line]) for name, line in named.items()}
    deviations = {
        name: [one.deviation or 0.0 for _, one in line]
        for name, line in named.items()
        if any(one.deviation for _, one in line)
    }
    logarithmic = numeric and is_logarithmic(list(places.values()))
    ticks: dict[float, str] | None = {place: number(place) if numeric else text for text, place in places.items()}
    if numeric and (len(order) > MOST_VALUES or _crowded(list(places.values()), logarithmic)):
        ticks = _by_ratios(places[order[0]], places[order[-1]]) if logarithmic else None
    return line_plot(
        f"{metric} over {key}",
        series,
        x_label=key,
        y_label=metric,
        caption=caption,
        log_x=logarithmic,
        x_ticks=ticks,
        deviations=deviations,
        connected=not apart,
    )


def _crowded(values: Sequence[float], logarithmic: bool) -> bool:
    """Return whether the names of ascending values would overlap."""
    at = [math.log(value) for value in values] if logarithmic else values
    return min(b - a for a, b in itertools.pairwise(at)) * MOST_VALUES < at[-1] - at[0]


def _by_ratios(low: float, high: float) -> dict[float, str]:
    """Return places between two ends, at about equal ratios, with their texts."""
    texts = [number(low * (high / low) ** (k / (TICKS - 1)), digits=2) for k in range(TICKS)]
    return {float(text): text for text in texts}


def _short(keys: Iterable[str]) -> dict[str, str]:
    """Shorten dotted keys to the parts that distinguish them."""
    known = list(dict.fromkeys(keys))
    return dict(zip(known, short_keys([Axis(tuple(key.split(".")), ()) for key in known]), strict=True))


def _best(grid: Grid, metric: str) -> tuple[Any, str]:
    """Return the function that takes the best of several, and its name: the highest if no direction is known."""
    ways = {one.figure: one.higher_is_better for one in (grid.ranking.figures if grid.ranking else ())}
    return (max, "highest") if ways.get(metric, True) else (min, "lowest")


def is_logarithmic(values: Sequence[float]) -> bool:
    """Return whether different numbers are spaced by factors rather than by differences; of many, most of them."""
    ordered = sorted(values)
    if ordered[0] <= 0:
        return False
    if len(ordered) > MOST_VALUES:
        middle, (low, high) = statistics.median(ordered), (ordered[0], ordered[-1])
        return middle - math.sqrt(low * high) < (low + high) / 2 - middle
    if len(ordered) == 2:
        return ordered[1] >= LOGARITHMIC_FROM * ordered[0]
    pairs = list(itertools.pairwise(ordered))
    differences, factors = [b - a for a, b in pairs], [math.log(b / a) for a, b in pairs]
    return max(factors) * min(differences) < max(differences) * min(factors)


def _text(value: Any) -> str:
    """Return a value as a distinct text to show."""
    return toml_value(value)
