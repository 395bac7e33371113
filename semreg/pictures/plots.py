"""Pictures for results and reports: grids of images, heat maps, lines, bars and points, as PNGs of twice the page's
pixels."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from semreg.core.results import Picture

PIXEL_RATIO = 2
"""Pixels of a PNG for one on the page."""

_DPI = 96 * PIXEL_RATIO
_COLOURS = ("#2f6fde", "#e07a2f", "#1d9a78", "#a04fb5", "#c7a11e", "#d1495b", "#4b9fc4", "#6b7785")
_INK, _FAINT = "#2a3038", "#e3e7ec"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _FAINT,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a name is a dollar
}
TILE = 128
"""Pixels: images are enlarged by the whole number that comes closest to it from below."""
_WIDEST = 1800  # pixels: more columns make smaller tiles
_GAP = 6


def image_grid(
    title: str,
    rows: Sequence[Any],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    image_labels: Sequence[Sequence[str]] | None = None,
    value_range: tuple[float, float] = (0, 1),
    scale: int | None = None,
    caption: str = "",
) -> Picture:
    """Images in rows, each a tensor `(images, channels, height, width)` or a list of `(channels, height, width)`.

    Channels are 1 or 3, values lie in `value_range` and are clipped to it. Small images are enlarged by a whole number,
    `scale` if it is given, without smoothing. Rows may differ in length. `image_labels` stand under each image. Raises
    ValueError for images of differing or unfit shapes and for labels that do not match in number.
    """
    images = [[_coloured(image, value_range) for image in row] for row in rows]
    shapes = {image.shape for row in images for image in row}
    if len(shapes) != 1:
        raise ValueError(f"an image grid needs images of one shape, got {sorted(shapes) or 'no image'}")
    columns = max(len(row) for row in images)
    _check_count("row labels", row_labels, len(images))
    _check_count("column labels", column_labels, columns)
    _check_count("rows of image labels", image_labels, len(images))
    for row, labels in zip(images, image_labels or (), strict=False):
        _check_count("image labels in a row", labels, len(row))
    ((height, width, _),) = shapes
    scale = scale or max(1, min(TILE // max(height, width), _WIDEST // (columns * width)))

    with matplotlib.rc_context(_STYLE):
        below = _text_size([label for row in image_labels for label in row], 0)[1] + 2 * _GAP if image_labels else 0
        step_y, step_x = height * scale + below + _GAP, width * scale + _GAP
        slanted = _text_size(column_labels or [""], 0)[0] > step_x
        left = _text_size(row_labels, 0)[0] + 3 * _GAP if row_labels else 0
        top = _text_size(column_labels, 55 if slanted else 0)[1] + 2 * _GAP if column_labels else 0
        overhang = _text_size(column_labels[-1:], 55)[0] if column_labels and slanted else 0
        total = (left + columns * step_x - _GAP + max(0, overhang - step_x // 2), top + len(images) * step_y - _GAP)
        canvas = np.full((total[1], total[0], 3), 255, np.uint8)
        for y, row in enumerate(images):
            for x, image in enumerate(row):
                tile = image.repeat(scale, axis=0).repeat(scale, axis=1)
                y0, x0 = top + y * step_y, left + x * step_x
                canvas[y0 : y0 + tile.shape[0], x0 : x0 + tile.shape[1]] = tile
        # A hundredth of a pixel more, for the size in pixels is rounded down.
        figure = Figure(figsize=((total[0] + 0.01) / _DPI, (total[1] + 0.01) / _DPI), dpi=_DPI)
        figure.figimage(canvas)
        for y, label in enumerate(row_labels or ()):
            centre = total[1] - (top + y * step_y + height * scale / 2)
            figure.text((left - 2 * _GAP) / total[0], centre / total[1], label, ha="right", va="center_baseline")
        for x, label in enumerate(column_labels or ()):
            centre = left + x * step_x + width * scale / 2
            figure.text(
                centre / total[0],
                (total[1] - top + _GAP) / total[1],
                label,
                ha="left" if slanted else "center",
                va="bottom",
                rotation=55 if slanted else 0,
                rotation_mode="anchor" if slanted else "default",
            )
        for y, labels in enumerate(image_labels or ()):
            for x, label in enumerate(labels):
                centre, edge = left + x * step_x + width * scale / 2, top + y * step_y + height * scale + _GAP
                figure.text(centre / total[0], (total[1] - edge) / total[1], label, ha="center", va="top")
        return Picture(title, _png(figure), caption)


def heat_map(
    title: str,
    matrix: Any,
    labels: Sequence[str],
    *,
    caption: str = "",
    limits: tuple[float, float] = (-1, 1),
) -> Picture:
    """A square matrix as colours, `labels` naming rows and columns alike; few enough cells also carry their value.

    Limits around zero get a diverging scale. Raises ValueError if the matrix does not fit the labels.
    """
    values = _array(matrix)
    if values.shape != (len(labels), len(labels)):
        raise ValueError(f"a heat map of {len(labels)} labels needs a matrix of that size, got {values.shape}")
    annotated = len(labels) <= 12
    side = max(1.6, (0.42 if annotated else 0.21) * len(labels))
    with matplotlib.rc_context(_STYLE):
        margin = _text_size(labels, 0)[0] / _DPI + 0.1
        figure, axes = _figure(margin + side + 0.8, side + (0.25 if _short(labels) else margin))
        colours = "RdBu_r" if limits[0] < 0 < limits[1] else "Blues"
        drawn = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1])
        size = 8 if len(labels) <= 24 else 6.5
        axes.set_xticks(range(len(labels)), labels, rotation=0 if _short(labels) else 90, fontsize=size)
        axes.set_yticks(range(len(labels)), labels, fontsize=size)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02)
        bar.outline.set_visible(False)
        if annotated:
            _annotate(axes, values, limits)
        return Picture(title, _png(figure), caption)


def line_plot(
    title: str,
    series: dict[str, tuple[Any, Any]],
    *,
    x_label: str,
    y_label: str,
    caption: str = "",
    log_y: bool = False,
) -> Picture:
    """Named lines, each a pair of sequences (x, y); a line of few points shows them. `log_y`: a logarithmic y axis."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(5.6, 2.9)
        for position, (name, (x, y)) in enumerate(series.items()):
            xs, ys = _array(x), _array(y)
            axes.plot(
                xs,
                ys,
                label=name,
                color=_COLOURS[position % len(_COLOURS)],
                linestyle=("-", "--", ":")[position // len(_COLOURS) % 3],
                linewidth=1.6,
                marker="o" if xs.size <= 20 else None,
                markersize=3.5,
            )
        axes.set(xlabel=x_label, ylabel=y_label)
        if log_y:
            axes.set_yscale("log")
        axes.grid(axis="y", linewidth=0.8)
        axes.set_axisbelow(True)
        _legend(figure, axes, len(series))
        return Picture(title, _png(figure), caption)


def bar_plot(
    title: str,
    labels: Sequence[str],
    series: dict[str, Any],
    *,
    y_label: str,
    line: tuple[str, float] | None = None,
    caption: str = "",
) -> Picture:
    """Grouped bars: for each label one bar of every series. Many or long labels lie on their side.

    `line` is a name and a value to compare all bars with, such as chance. Raises ValueError if a series has not one
    value for each label.
    """
    heights = {name: _array(values) for name, values in series.items()}
    for name, values in heights.items():
        if values.shape != (len(labels),):
            raise ValueError(f"bars for {len(labels)} labels need as many values, got {values.shape} in {name!r}")
    lying = not _short(labels)
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(5.6, 0.5 + 0.1 * len(labels) * (len(series) + 0.6) if lying else 2.9)
        places, thickness = np.arange(len(labels)), 0.8 / max(1, len(series))
        for position, (name, values) in enumerate(heights.items()):
            offsets = places + (position - (len(heights) - 1) / 2) * thickness
            colour = _COLOURS[position % len(_COLOURS)]
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
            across(line[1], label=line[0], color=_INK, linestyle="--", linewidth=1)
        axes.grid(axis="x" if lying else "y", linewidth=0.8)
        axes.set_axisbelow(True)
        _legend(figure, axes, len(series) + (line is not None))
        return Picture(title, _png(figure), caption)


def share_plot(
    title: str, labels: Sequence[str], parts: dict[str, Any], *, totals: Sequence[str] | None = None, caption: str = ""
) -> Picture:
    """Stacked bars, lying, each as long as the others: for each label the shares of its parts in their sum.

    `totals` are texts behind the bars. Raises ValueError if a part has not one value for each label, or the texts do
    not match in number.
    """
    _check_count("totals", totals, len(labels))
    values = {name: _array(part) for name, part in parts.items()}
    for name, part in values.items():
        if part.shape != (len(labels),):
            raise ValueError(f"shares of {len(labels)} labels need as many values, got {part.shape} in {name!r}")
    whole = np.maximum(sum(values.values()), 1e-12)
    lefts = np.zeros(len(labels))
    places = range(len(labels))
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(7.2, 0.75 + 0.36 * len(labels))
        for position, (name, part) in enumerate(values.items()):
            widths = 100 * part / whole
            axes.barh(places, widths, 0.62, left=lefts, label=name, color=_COLOURS[position % len(_COLOURS)])
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
        return Picture(title, _png(figure), caption)


def scatter_plot(
    title: str,
    points: Any,
    classes: Any,
    names: Sequence[str],
    *,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    caption: str = "",
) -> Picture:
    """Points `(count, 2)` in the colours of their classes `(count,)`, indices into `names`.

    Each class is named at the median of its points. Axes have no numbers; the same `limits` for x and y make
    several pictures of one scale. Raises ValueError if points and classes differ in number.
    """
    places, owners = _array(points), _array(classes).astype(int)
    if places.shape != (len(owners), 2):
        raise ValueError(f"points of {len(owners)} classes have shape ({len(owners)}, 2), got {places.shape}")
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(4.6, 4.6)
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
        return Picture(title, _png(figure), caption)


def point_plot(
    title: str,
    points: Mapping[str, tuple[tuple[float, float | None], tuple[float, float | None]]],
    *,
    x_label: str,
    y_label: str,
    caption: str = "",
) -> Picture:
    """Named points, each x and y with its deviation, an error bar where it is not None: numbered, the names beside.

    Raises ValueError if there is no point.
    """
    if not points:
        raise ValueError("a plot of points needs some, got none")
    names = [
        textwrap.fill(f"{number}  {name}", 44, subsequent_indent="    ") for number, name in enumerate(points, start=1)
    ]
    with matplotlib.rc_context(_STYLE):
        lines = sum(name.count("\n") + 1 for name in names)
        figure, axes = _figure(4.6 + _text_size(names, 0)[0] / _DPI, max(3.4, 0.3 + 0.18 * lines))
        for position, ((x, x_deviation), (y, y_deviation)) in enumerate(points.values()):
            colour = _COLOURS[position % len(_COLOURS)]
            axes.errorbar(
                x,
                y,
                y_deviation,
                x_deviation,
                label=names[position],
                color=colour,
                linestyle="",
                marker="os^Dv"[position // len(_COLOURS) % 5],
                markersize=5,
                elinewidth=1,
                capsize=2,
            )
            # Each towards another corner than its neighbours in the list, which may lie in the same place.
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
        return Picture(title, _png(figure), caption)


def class_colours(count: int) -> list[str]:
    """A colour for each class, `#rrggbb`: hues in order once round the circle, every other one darker."""
    shades = (colorsys.hls_to_rgb(index / count, 0.42 if index % 2 else 0.58, 0.65) for index in range(count))
    return ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]


def _short(labels: Sequence[str]) -> bool:
    """Whether labels fit beside each other under a plot."""
    return sum(map(len, labels)) + 2 * len(labels) <= 56


def _array(values: Any) -> NDArray[Any]:
    """A tensor of any device, or anything NumPy understands, as an array of floats."""
    values = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(values, dtype=np.float64)


def pixels(image: Any, value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """An image `(1 or 3, height, width)` as uint8 `(height, width, 1 or 3)`, clipped to `value_range`.

    Raises ValueError for another shape.
    """
    values = _array(image)
    if values.ndim != 3 or values.shape[0] not in (1, 3) or not values.size:
        raise ValueError(f"an image has shape (1 or 3, height, width), got {values.shape}")
    low, high = value_range
    values = np.nan_to_num((values - low) / (high - low)).clip(0, 1)
    return (values * 255).round().astype(np.uint8).transpose(1, 2, 0)


def _coloured(image: Any, value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """The pixels of an image `(height, width, 3)`, three times the same where it is grey."""
    values = pixels(image, value_range)
    return values.repeat(3, axis=2) if values.shape[2] == 1 else values


def _check_count(what: str, labels: Sequence[Any] | None, count: int) -> None:
    if labels is not None and len(labels) != count:
        raise ValueError(f"{count} {what} are needed, got {len(labels)}")


def _text_size(labels: Sequence[str], rotation: float) -> tuple[int, int]:
    """Width and height in pixels of the largest label."""
    figure = Figure(dpi=_DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    boxes = [figure.text(0, 0, label, rotation=rotation).get_window_extent(renderer) for label in labels]
    return int(max(box.width for box in boxes)) + 1, int(max(box.height for box in boxes)) + 1


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    return figure, figure.add_subplot()


def _legend(figure: Figure, axes: Axes, count: int) -> None:
    if count > 1:
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper left", ncols=min(count, 4), handlelength=1.4
        )


def _annotate(axes: Axes, values: NDArray[Any], limits: tuple[float, float]) -> None:
    for (y, x), value in np.ndenumerate(values):
        strength = abs(value) / max(abs(limits[0]), abs(limits[1]))
        text = f"{value:.2f}"
        axes.text(x, y, text, ha="center", va="center", fontsize=6.5, color="white" if strength > 0.6 else _INK)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    # Without the Software entry the same figure is the same bytes, whichever matplotlib drew it.
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()
