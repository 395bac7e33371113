"""The common style of pictures: fonts and colours, sizes in pixels, and PNGs with twice the page's resolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # importing matplotlib takes half a second, and most opened runs draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXEL_RATIO = 2
"""Pixels of a PNG for one on the page."""


DPI = 96 * PIXEL_RATIO


COLOURS = ("#2f6fde", "#e07a2f", "#1d9a78", "#a04fb5", "#c7a11e", "#d1495b", "#4b9fc4", "#6b7785")


INK, FAINT = "#2a3038", "#e3e7ec"


_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a name is a dollar
}


@contextmanager
def styled() -> Iterator[None]:
    """Use semreg's fonts and colours inside the block."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def fit_in_a_row(labels: Sequence[str]) -> bool:
    """Return whether labels fit beside each other under a plot."""
    return sum(map(len, labels)) + 2 * len(labels) <= 56


def as_array(values: Any) -> NDArray[Any]:
    """Return a tensor of any device, or anything that NumPy reads, as an array of floats."""
    values = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(values, dtype=np.float64)


def require_count(what: str, labels: Sequence[Any] | None, count: int) -> None:
    if labels is not None and len(labels) != count:
        raise ValueError(f"{count} {what} are needed, got {len(labels)}")


def text_size(labels: Sequence[str], rotation: float) -> tuple[int, int]:
    """Return width and height in pixels of the largest label."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(dpi=DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    boxes = [figure.text(0, 0, label, rotation=rotation).get_window_extent(renderer) for label in labels]
    return int(max(box.width for box in boxes)) + 1, int(max(box.height for box in boxes)) + 1


def plot_figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.add_subplot()


def legend(figure: Figure, axes: Axes, count: int) -> None:
    if count > 1:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=legend_columns(labels), handlelength=1.4)


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many labels fit beside each other in a legend above a plot."""
    return max(1, min(len(labels), 4, 72 // (max(map(len, labels)) + 5)))


def png_of(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = BytesIO()
    # Without the Software entry, every version of matplotlib writes the same bytes for the same figure.
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()
