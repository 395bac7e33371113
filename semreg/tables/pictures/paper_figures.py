"""The pictures of an evaluation over the rows of a grid, for `--figures-of`: files as a paper has them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semreg.core import UserError, closest
from semreg.pictures.cutting import Pixels, Strip, strips_of, whole
from semreg.pictures.grids import enlarged
from semreg.pictures.style import png_of, styled
from semreg.store.disk import write_whole, writing
from semreg.store.messages import say
from semreg.tables.grid import Grid
from semreg.tables.pictures.chosen import drawn_rows, said_of_rows
from semreg.tables.pictures.grouping import NARROW, Figure, Group, figures, grouped, stand_beside
from semreg.tables.plots import file_name
from semreg.tables.view import row_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ADVICE = "fix this; then the same command writes the figures"
DPI = 300
WIDTH, HEIGHT = 7.0, 9.0
"""Inches of a page's text area."""
HIGHEST = 200
"""The largest height of a PNG in inches."""
LARGEST, SMALLEST = 0.6, 0.2
"""Inches of an image's width; the smallest if a figure would otherwise be higher than a page."""
LABELS, GAP, LINE, CHARACTER = 1.15, 0.03, 0.14, 0.065
"""Inches: of the labels of images, between images, of a line of text and of a character, approximately."""
LEAST_PIXELS = 128
"""Smaller images are enlarged by an integer factor, so that no viewer smooths them."""


def require_known(names: Sequence[str], evaluations: Iterable[str]) -> None:
    """Raise UserError for a name that is not an evaluation's."""
    known = set(evaluations)
    for name in names:
        if name not in known:
            raise UserError("--figures-of", f"no recipe has the evaluation {name!r}{closest(name, known)}")


def require_pictured(grid: Grid, evaluations: Iterable[str]) -> None:
    """Raise UserError for an evaluation that some run of a grid has, but without pictures."""
    pictured = {name for _, cell in grid.cells for name, result in cell.results.items() if result.pictures}
    for name in evaluations:
        if name not in pictured and any(name in cell.results for _, cell in grid.cells):
            raise UserError("--figures-of", f"{name!r} has no pictures{closest(name, pictured)}")


def write_figures(grid: Grid, evaluations: Sequence[str], folder: Path) -> list[Path]:
    """Write each picture of some evaluations over the rows that have it, as PNG and PDF; print and return their paths.

    A row appears under its title, as in the paper; images that all rows share appear once. If there are many rows, it
    draws those that a page draws. Raises UserError for an evaluation without pictures, once any run has it, and for
    pictures that can't be read or are too many to draw. Raises CannotWrite if a file can't be written.
    """
    require_pictured(grid, evaluations)
    titles = row_titles(grid.rows)
    paths = []
    with writing(folder, ADVICE):
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures(drawn_rows(grid), evaluations):
            for suffix, content in drawn(figure, titles).items():
                paths.append(folder / file_name((figure.evaluation, figure.title), suffix))
                write_whole(paths[-1], content)
                say(f"figure: {paths[-1]}")
    for text in said_of_rows(grid) if paths else ():
        say(f"figures: {text}")
    return paths


def drawn(figure: Figure, titles: Mapping[str, str]) -> dict[str, bytes]:
    """Draw a figure's files over its rows, by suffix; `titles` are the rows', by their names. Raises UserError."""
    import matplotlib
    from matplotlib.figure import Figure as Drawing

    strips, pictures, stops = {}, {}, set()
    for name in figure.cells:
        picture = figure.read(name)
        try:
            strips[titles[name]] = strips_of(picture)
            stops.add(tuple(picture.walk.stops) if picture.walk else ())
        except ValueError:  # a plot, or a walk of no use
            pictures[titles[name]] = _whole(figure, name, picture.png)
    groups, columns = grouped(strips) if strips else [], stops.pop() if len(stops) == 1 else ()
    largest = LARGEST
    while True:
        sheet = _Sheet(largest)
        height = sheet.add_pictures(pictures, sheet.add_strips(groups, columns) if groups else GAP)
        if height <= HEIGHT or largest <= SMALLEST:
            break
        largest *= 0.9
    if height > HIGHEST:
        high = f"over {len(figure.cells)} rows it would be {height:.0f} inches high, of {HIGHEST} at most"
        raise UserError("--figures-of", f"{figure.evaluation}, {figure.title}: {high}")
    with styled(), matplotlib.rc_context({"pdf.fonttype": 42, "image.composite_image": False}):
        drawing = Drawing(figsize=(WIDTH, height), dpi=DPI)
        axes = drawing.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        sheet.draw(axes)
        pdf = BytesIO()
        # Without a date the same figure is the same bytes.
        drawing.savefig(pdf, format="pdf", metadata={"Title": figure.title, "CreationDate": None})
        return {".png": png_of(drawing), ".pdf": pdf.getvalue()}


def _whole(figure: Figure, row: str, png: bytes) -> Pixels:
    try:
        return whole(png)
    except ValueError as error:
        raise UserError(str(figure.cells[row].places[figure.evaluation]), f"{figure.title}: {error}") from error


@dataclass
class _Sheet:
    """The layout of a figure, in inches from the left and from the top; images have a `largest` width."""

    largest: float
    images: list[tuple[float, float, float, float, Pixels]] = field(default_factory=list)
    """The left, top, width and height of each image, and its pixels."""
    texts: list[tuple[float, float, str, dict[str, Any]]] = field(default_factory=list)

    def add_strips(self, groups: Sequence[Group[Strip]], stops: Sequence[str]) -> float:
        """Place groups of lines, and return their lower end."""
        columns = max(len(line.images) for group in groups for _, line in group.lines)
        beside = stand_beside(groups, columns)
        across = min(len(groups), 2 * NARROW // columns) if beside else 1
        named = any(name for group in groups for name, _ in group.lines)
        labels = (LABELS / min(2, across)) if named else 0.0
        step = min(self.largest + GAP, (WIDTH / across - labels - 2 * GAP) / columns)
        top = low = GAP
        for place, group in enumerate(groups):
            if place % across == 0:
                top = low + (LINE if place else 0.0)
            left = place % across * (labels + columns * step + 4 * GAP)
            headed = stops if beside or not place else ()
            low = max(low, self._add_group(group, headed, left, top, labels, step))
        return low

    def _add_group(
        self, group: Group[Strip], stops: Sequence[str], left: float, top: float, labels: float, step: float
    ) -> float:
        if group.title:
            top += LINE
            self.texts.append((left, top - GAP, group.title, {"va": "bottom", "weight": "bold"}))
        first = left + labels
        if any(stops):
            top += self._add_labels(stops, first, top, step)
        for name, line in group.lines:
            tall, wide, _ = line.images[0].shape
            height = (step - GAP) * tall / wide
            said = "\n".join(textwrap.wrap(name, max(6, int(labels / CHARACTER))))
            self.texts.append((first - 2 * GAP, top + height / 2, said, {"ha": "right", "va": "center"}))
            for place, image in enumerate(line.images):
                self.images.append((first + place * step, top, step - GAP, height, image))
            top += height + GAP
            if any(line.labels):
                top += self._add_labels(line.labels, first, top, step)
        return top

    def _add_labels(self, labels: Sequence[str], left: float, top: float, step: float) -> float:
        """Place a text in the middle of each column, and return their height."""
        texts = ["\n".join(textwrap.wrap(label, max(4, int(step / CHARACTER * 1.25)))) for label in labels]
        for place, text in enumerate(texts):
            middle = left + place * step + (step - GAP) / 2
            self.texts.append((middle, top, text, {"ha": "center", "va": "top", "fontsize": 6}))
        return LINE * 0.75 * max(text.count("\n") + 1 for text in texts) + GAP

    def add_pictures(self, pictures: Mapping[str, Pixels], top: float) -> float:
        """Place whole pictures, each under its title, below the existing content, and return their lower end."""
        across = min(2, len(pictures))
        width = WIDTH / max(1, across) - GAP
        low = top
        for place, (title, pixels) in enumerate(pictures.items()):
            if place % across == 0:
                top = low + LINE
            left = place % across * WIDTH / across
            height = width * pixels.shape[0] / pixels.shape[1]
            self.texts.append((left, top, title, {"va": "bottom", "weight": "bold"}))
            self.images.append((left, top + GAP, width, height, pixels))
            low = max(low, top + GAP + height)
        return low

    def draw(self, axes: Axes) -> None:
        """Draw the sheet on axes of inches."""
        axes.set_autoscale_on(False)
        for left, top, width, height, pixels in self.images:
            large = enlarged(pixels, max(1, LEAST_PIXELS // max(pixels.shape[:2])))
            extent = (left, left + width, top + height, top)
            axes.imshow(large, extent=extent, interpolation="none", aspect="auto")
        for left, top, text, how in self.texts:
            axes.text(left, top, text, **how)
