"""Heat maps, lines, bars and points, as PNGs with twice the page's resolution."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semreg.core import Picture
from semreg.pictures.style import (
    COLOURS,
    DPI,
    INK,
    as_array,
    fit_in_a_row,
    legend,
    legend_columns,
    plot_figure,
    png_of,
    require_count,
    styled,
    text_size,
)
from semreg.store.numbers import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def heat_map(
    title: str,
    matrix: Any,
    labels: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    caption: str = "",
    limits: tuple[float, float] = (-1, 1),
) -> Picture:
    """Draw a matrix as colours; `labels` name its rows, and also its columns unless `columns` does.

    If the cells are few, they also show their value. Limits around zero get a diverging scale. Raises ValueError if the
    matrix does not fit the labels.
    """
    values, above = as_array(matrix), labels if columns is None else columns
    if values.shape != (len(labels), len(above)):
        named = f"{len(labels)} labels" if columns is None else f"{len(labels)} rows and {len(above)} columns"
        raise ValueError(f"a heat map of {named} needs a matrix of that size, got {values.shape}")
    most = max(values.shape)
    annotated = most <= 12
    least, cell = 1.6 if columns is None else 0.9, 0.42 if annotated else 0.21
    height, width = (max(least, cell * count) for count in values.shape)
    with styled():
        margin, below = (text_size(names, 0)[0] / DPI + 0.1 for names in (labels, above))
        lies = fit_in_a_row(above)
        figure, axes = plot_figure(margin + width + 0.8, height + (0.25 if lies else below))
        colours = "RdBu_r" if limits[0] < 0 < limits[1] else "Blues"
        drawn = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1])
        size = 8 if most <= 24 else 6.5
        axes.set_xticks(range(len(above)), above, rotation=0 if lies else 90, fontsize=size)
        axes.set_yticks(range(len(labels)), labels, fontsize=size)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02)
        bar.outline.set_visible(False)
        if annotated:
            _annotate(axes, values, limits)
        return Picture(title, png_of(figure), caption)


def line_plot(
    title: str,
    series: dict[str, tuple[Any, Any]],
    *,
    x_label: str,
    y_label: str,
    caption: str = "",
    log_y: bool = False,
    log_x: bool = False,
    x_ticks: Mapping[float, str] | None = None,
    deviations: Mapping[str, Any] | None = None,
    connected: bool = True,
) -> Picture:
    """Draw named lines, each a pair of sequences (x, y); a line of few points shows them.

    `log_y`, `log_x`: logarithmic axes. `x_ticks`: the texts at positions of the x axis, which has no others then.
    `deviations`: by the names of lines, how far a bar extends above and below each of its points. Unless `connected`,
    only points are drawn.
    """
    from matplotlib.ticker import MaxNLocator

    with styled():
        lines = -(-len(series) // legend_columns(list(series)))
        figure, axes = plot_figure(5.6, 2.9 + 0.16 * max(0, lines - 2))
        for position, (name, (x, y)) in enumerate(series.items()):
            xs, ys = as_array(x), as_array(y)
            axes.errorbar(
                xs,
                ys,
                (deviations or {}).get(name),
                label=name,
                color=COLOURS[position % len(COLOURS)],
                linestyle=("-", "--", ":")[position // len(COLOURS) % 3] if connected else "",
                linewidth=1.6,
                marker="o" if xs.size <= 20 or not connected else None,
                markersize=3.5,
                elinewidth=1,
                capsize=2,
            )
        axes.set(xlabel=x_label, ylabel=y_label)
        if all((as_array(x) % 1 == 0).all() for x, _ in series.values()):
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if log_x:
            axes.set_xscale("log")
        if x_ticks is not None:
            axes.set_xticks(list(x_ticks), list(x_ticks.values()))
            axes.set_xticks([], minor=True)
        if log_y:
            axes.set_yscale("log")
        elif not any(as_array(y).any() for _, y in series.values()):
            axes.set_ylim(-0.05, 1)  # by default the axis would extend as far below zero as above
        axes.grid(axis="y", linewidth=0.8)
        axes.set_axisbelow(True)
        legend(figure, axes, len(series))
        return Picture(title, png_of(figure), caption)


def bar_plot(
    title: str,
    labels: Sequence[str],
    series: dict[str, Any],
    *,
    y_label: str,
    line: tuple[str, float] | None = None,
    caption: str = "",
) -> Picture:
    """Draw grouped bars: for each label one bar of every series. If labels are many or long, the bars are horizontal.

    `line` is a name and a value to compare all bars with, such as chance. Raises ValueError if a series lacks one value
    for each label.
    """
    heights = {name: as_array(values) for name, values in series.items()}
    for name, values in heights.items():
        if values.shape != (len(labels),):
            raise ValueError(f"bars for {len(labels)} labels need as many values, got {values.shape} in {name!r}")
    lying = not fit_in_a_row(labels)
    with styled():
        figure, axes = plot_figure(5.6, 0.5 + 0.1 * len(labels) * (len(series) + 0.6) if lying else 2.9)
        places, thickness = np.arange(len(labels)), 0.8 / max(1, len(series))
        for position, (name, values) in enumerate(heights.items()):
            offsets = places + (position - (len(heights) - 1) / 2) * thickness
            colour = COLOURS[position % len(COLOURS)]
            if lying:
                axes.barh(offsets, values, thickness * 0.92, label=name, color=colour)
            else:
                axes.bar(offsets, values, thickness * 0.92, label=name, color=colour)
        if lying:
            axes.set_yticks(places, labels)
            axes.set(xlabel=y_label, ylim=(len(labels) - 0.5, -0.5))
        else:
            axes.set_xticks(places, labels)
            axes.set(ylabel=y_label)
        if line is not None:
            across = axes.axvline if lying else axes.axhline
            across(line[1], label=line[0], color=INK, linestyle="--", linewidth=1)
        axes.grid(axis="x" if lying else "y", linewidth=0.8)
        axes.set_axisbelow(True)
        legend(figure, axes, len(series) + (line is not None))
        return Picture(title, png_of(figure), caption)


def share_plot(
    title: str, labels: Sequence[str], parts: dict[str, Any], *, totals: Sequence[str] | None = None, caption: str = ""
) -> Picture:
    """Draw horizontal stacked bars of the same length: for each label the shares of its parts in their sum.

    `totals` are texts behind the bars. Raises ValueError if a part lacks one value for each label, or the texts do not
    match in number.
    """
    require_count("totals", totals, len(labels))
    values = {name: as_array(part) for name, part in parts.items()}
    for name, part in values.items():
        if part.shape != (len(labels),):
            raise ValueError(f"shares of {len(labels)} labels need as many values, got {part.shape} in {name!r}")
    whole = np.maximum(sum(values.values()), 1e-12)
    lefts = np.zeros(len(labels))
    places = range(len(labels))
    with styled():
        figure, axes = plot_figure(7.2, 0.75 + 0.36 * len(labels))
        for position, (name, part) in enumerate(values.items()):
            widths = 100 * part / whole
            axes.barh(places, widths, 0.62, left=lefts, label=name, color=COLOURS[position % len(COLOURS)])
            for place, left, width in zip(places, lefts, widths, strict=True):
                if width >= 5:
                    axes.text(left + width / 2, place, f"{width:.0f} %", ha="center", va="center", color="white")
            lefts = lefts + widths
        for place, text in zip(places, totals or (), strict=False):
            axes.text(101, place, text, va="center")
        axes.set_yticks(places, labels)
        axes.set(xlim=(0, 100), xticks=[], ylim=(len(labels) - 0.5, -0.5))
        axes.spines[:].set_visible(False)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=len(parts), handlelength=1.0)
        return Picture(title, png_of(figure), caption)


def scatter_plot(
    title: str,
    points: Any,
    classes: Any,
    names: Sequence[str],
    *,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    caption: str = "",
) -> Picture:
    """Draw points `(count, 2)` in the colours of their classes `(count,)`, indices into `names`.

    The name of each class is at the median of its points. Axes have no numbers; the same `limits` for x and y give
    several pictures the same scale. Raises ValueError if points and classes differ in number.
    """
    places, owners = as_array(points), as_array(classes).astype(int)
    if places.shape != (len(owners), 2):
        raise ValueError(f"points of {len(owners)} classes have shape ({len(owners)}, 2), got {places.shape}")
    with styled():
        figure, axes = plot_figure(4.6, 4.6)
        colours = class_colours(len(names))
        axes.scatter(places[:, 0], places[:, 1], s=4, linewidths=0, c=[colours[owner] for owner in owners])
        for owner in np.unique(owners):
            x, y = np.median(places[owners == owner], axis=0)
            box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colours[owner], "alpha": 0.85}
            axes.text(x, y, names[owner], ha="center", va="center", bbox=box)
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
        if limits is not None:
            axes.set(xlim=limits[0], ylim=limits[1])
        return Picture(title, png_of(figure), caption)


def point_plot(
    title: str,
    points: Mapping[str, tuple[tuple[float, float | None], tuple[float, float | None]]],
    *,
    x_label: str,
    y_label: str,
    caption: str = "",
) -> Picture:
    """Draw named points, each x and y with its deviation, an error bar if it is not None; numbered, with a legend of
    names.

    Raises ValueError if there are no points.
    """
    if not points:
        raise ValueError("a plot of points needs some, got none")
    names = [
        textwrap.fill(f"{number}  {name}", 44, subsequent_indent="    ") for number, name in enumerate(points, start=1)
    ]
    with styled():
        lines = sum(name.count("\n") + 1 for name in names)
        figure, axes = plot_figure(4.6 + text_size(names, 0)[0] / DPI, max(3.4, 0.3 + 0.18 * lines))
        for position, ((x, x_deviation), (y, y_deviation)) in enumerate(points.values()):
            colour = COLOURS[position % len(COLOURS)]
            axes.errorbar(
                x,
                y,
                y_deviation,
                x_deviation,
                label=names[position],
                color=colour,
                linestyle="",
                marker="os^Dv"[position // len(COLOURS) % 5],
                markersize=5,
                elinewidth=1,
                capsize=2,
            )
            # Neighbours in the list may be at the same place, so their numbers are at different corners.
            right, above = position % 4 in (0, 3), position % 2 == 0
            axes.annotate(
                str(position + 1),
                (x, y),
                (4 if right else -4, 4 if above else -4),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom" if above else "top",
                color=colour,
            )
        axes.set(xlabel=x_label, ylabel=y_label)
        axes.margins(0.1)
        axes.grid(linewidth=0.8)
        axes.set_axisbelow(True)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", handlelength=1.4)
        return Picture(title, png_of(figure), caption)


def class_colours(count: int) -> list[str]:
    """Return a colour for each class, `#rrggbb`: hues in order around the circle, every other one darker.

    Up to three classes get the first colours of lines, which are safe for colour-blind readers.
    """
    if count <= 3:
        return list(COLOURS[:count])
    shades = (colorsys.hls_to_rgb(index / count, 0.42 if index % 2 else 0.58, 0.65) for index in range(count))
    return ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]


def _annotate(axes: Axes, values: NDArray[Any], limits: tuple[float, float]) -> None:
    for (y, x), value in np.ndenumerate(values):
        strength = abs(value) / max(abs(limits[0]), abs(limits[1]))
        axes.text(
            x,
            y,
            rounded(value, 2),
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if strength > 0.6 else INK,
        )
