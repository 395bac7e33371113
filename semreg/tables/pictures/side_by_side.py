"""The same pictures side by side over the rows of a grid, cut out of the stored ones."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semreg.core import UserError
from semreg.pictures.cutting import Pixels, strips_of, whole
from semreg.pictures.grids import enlarged
from semreg.pictures.style import PIXEL_RATIO
from semreg.store.results import read_picture
from semreg.tables.grid import Grid, Row
from semreg.tables.pictures.chosen import drawn_rows, said_of_rows, seeds_of
from semreg.tables.pictures.grouping import Figure, Group, figures, grouped, stand_beside

MOST_BYTES = 4_000_000
"""The most bytes of all these pictures in a page, which with its tables and curves has 5 MB at most."""
MOST_PIXELS = 96
"""The largest width and height of an image on a page."""
LEAST_PIXELS = 48
"""Smaller images are enlarged by an integer factor to about this size."""
GAP = 2
"""Pixels between two images."""
QUALITY = 85
"""The JPEG quality of pictures that would otherwise take too many bytes."""
_CACHED = 1_000


@dataclass(frozen=True)
class Line:
    """A line of images as one picture of `columns` columns."""

    name: str
    uri: str
    columns: int
    labels: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Shown:
    """A row's picture on a page: lines of its images, or the whole picture, `width` wide on the page."""

    lines: tuple[Line, ...]
    stops: tuple[str, ...] = ()
    uri: str = ""
    width: int = 0
    caption: str = ""


@dataclass(frozen=True)
class Fineness:
    """How much of a picture is shown: a number of its columns, or all, uncompressed or compressed."""

    columns: int | None = None
    compressed: bool = False


STEPS = (Fineness(), *(Fineness(columns, compressed=True) for columns in (None, 8, 6, 4)))
"""From all to little; pictures that still take too many bytes are left out."""


@dataclass(frozen=True)
class Compared:
    """A figure over rows: images in groups of lines, and, by the titles of rows, whole pictures."""

    evaluation: str
    title: str
    stops: tuple[str, ...]
    groups: Sequence[Group[Line]]
    whole: Mapping[str, Shown]
    captions: Sequence[str]

    @property
    def columns(self) -> int:
        """The columns of its widest line."""
        return max((line.columns for group in self.groups for _, line in group.lines), default=1)

    @property
    def beside(self) -> bool:
        """Whether its groups are side by side."""
        return stand_beside(self.groups, self.columns)


@dataclass(frozen=True)
class SideBySide:
    """All figures over rows, with notes on them."""

    figures: Sequence[Compared]
    remarks: Sequence[str]


def side_by_side(grid: Grid, titles: Mapping[str, str]) -> SideBySide:
    """Return the pictures that two or more rows have, as far as a page has room; `titles` are the rows', by their
    names.

    The largest figure is reduced first, step by step.
    """
    rows = drawn_rows(grid)
    drawn = [_Drawn(figure, rows, titles) for figure in figures(rows, least=2)]
    while sum(one.size for one in drawn) > MOST_BYTES:
        max(drawn, key=lambda one: one.size).make_smaller()
    remarks = said_of_rows(grid)
    compared = [one.compared() for one in sorted(drawn, key=lambda one: not one.groups) if one.step]
    if len(compared) > 1:  # common captions appear once
        common = [text for text in compared[0].captions if all(text in one.captions for one in compared)]
        remarks += common
        compared = [replace(one, captions=[text for text in one.captions if text not in common]) for one in compared]
    remarks += [
        f"{one.figure.evaluation}, {one.figure.title}: left out, to keep the page small; "
        f"--figures-of {one.figure.evaluation} writes it."
        for one in drawn
        if not one.step
    ]
    return SideBySide(compared, remarks)


class _Drawn:
    """A figure at the fineness of its step; without a step it is left out and takes no bytes."""

    def __init__(self, figure: Figure, rows: Sequence[Row], titles: Mapping[str, str]) -> None:
        self.figure, self.rows, self.titles = figure, rows, titles
        self._steps = iter(STEPS)
        self.make_smaller()

    def make_smaller(self) -> None:
        """Draw it by the next step."""
        self.step = next(self._steps, None)
        self.shown: dict[str, Shown] = {}
        self.unread: dict[str, str] = {}
        for name, cell in self.figure.cells.items() if self.step else ():
            place = cell.places[self.figure.evaluation]
            try:
                self.shown[self.titles[name]] = _shown(place, _written(place), self.figure.title, self.step)
            except (UserError, ValueError) as error:
                said = error.problems[0].message if isinstance(error, UserError) else str(error)
                self.unread[self.titles[name]] = said
        self.groups = grouped({title: one.lines for title, one in self.shown.items() if one.lines})
        self.whole = {title: one for title, one in self.shown.items() if one.uri}

    @property
    def size(self) -> int:
        """Its bytes in the page."""
        lines = sum(len(line.uri) for group in self.groups for _, line in group.lines)
        return lines + sum(len(one.uri) for one in self.whole.values())

    def compared(self) -> Compared:
        stops = {one.stops for one in self.shown.values() if one.lines}
        captions = dict.fromkeys(one.caption for one in self.shown.values() if one.caption)
        said = list(captions) if len(captions) == 1 else [
            f"{', '.join(title for title, one in self.shown.items() if one.caption == text)}: {text}"
            for text in captions
        ]  # fmt: skip
        said.append(seeds_of(self.figure.cells, self.titles))
        if lacking := [self.titles[row.name] for row in self.rows if row.name not in self.figure.cells]:
            said.append(f"No such picture of: {', '.join(lacking)}.")
        said += [f"{title}: {why}." for title, why in self.unread.items()]
        if self.step and self.step.compressed:
            some = f"{self.step.columns} columns at most, " if self.step.columns else ""
            exact = f"--figures-of {self.figure.evaluation} writes all of it as it is"
            said.append(f"To keep the page small: {some}compressed; {exact}.")
        return Compared(
            self.figure.evaluation,
            self.figure.title,
            stops.pop() if len(stops) == 1 else (),
            self.groups,
            self.whole,
            said,
        )


def _written(place: Path) -> int:
    """Return when a result was written, so that a repeated result is read again."""
    try:
        return (place / "result.json").stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=_CACHED)  # a table is written after each of its runs
def _shown(place: Path, written: int, title: str, step: Fineness) -> Shown:
    """Return the page's version of a stored picture. Raises UserError and ValueError if it can't be read."""
    picture = read_picture(place, title)
    try:
        strips = strips_of(picture)
    except ValueError:  # a plot, or a walk of no use
        pixels = whole(picture.png)
        width = max(1, pixels.shape[1] // PIXEL_RATIO)
        height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
        uri = _uri(_resized(pixels, width, height), np.ones((height, width), bool), compressed=step.compressed)
        return Shown((), (), uri, width, picture.caption)
    lines = tuple(
        Line(
            strip.name,
            _uri(*_joined(strip.images[: step.columns]), compressed=step.compressed),
            len(strip.images[: step.columns]),
            strip.labels[: step.columns],
            strip.digest,
        )
        for strip in strips
    )
    stops = picture.walk.stops if picture.walk else ()
    return Shown(lines, tuple(stops[: step.columns]), caption=picture.caption)


def _joined(images: Sequence[Pixels]) -> tuple[Pixels, NDArray[np.bool_]]:
    """Join images into a line, neither too small nor too large, with a mask of their pixels."""
    height, width, _ = images[0].shape
    if max(height, width) > MOST_PIXELS:
        share = MOST_PIXELS / max(height, width)
        sized = [_resized(image, max(1, round(width * share)), max(1, round(height * share))) for image in images]
    else:
        sized = [enlarged(image, max(1, LEAST_PIXELS // max(height, width))) for image in images]
    height, width, _ = sized[0].shape
    line = np.zeros((height, len(sized) * (width + GAP) - GAP, 3), np.uint8)
    there = np.zeros(line.shape[:2], bool)
    for place, image in enumerate(sized):
        left = place * (width + GAP)
        line[:, left : left + width] = image
        there[:, left : left + width] = True
    return line, there


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def _uri(pixels: Pixels, there: NDArray[np.bool_], *, compressed: bool) -> str:
    """Encode pixels as the address of an image: a PNG, transparent outside the mask `there`, or a JPEG, white there."""
    from PIL import Image

    buffer = BytesIO()
    colours = pixels[:, :, :1] if (pixels == pixels[:, :, :1]).all() else pixels
    if compressed:
        drawn = np.where(there[:, :, None], colours, np.uint8(255)).squeeze(2 if colours.shape[2] == 1 else ())
        Image.fromarray(drawn).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    else:
        Image.fromarray(np.dstack([colours, there * np.uint8(255)])).save(buffer, "PNG", optimize=True)
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{'jpeg' if compressed else 'png'};base64,{content}"
