"""Results of evaluations, for the run folder and the report, and whole runs, for trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Cell", "Picture", "Point", "RecordedRun", "Result", "Scatter", "Table", "Walk"]

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns; floats are printed with `digits` decimals."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    digits: int = 3


@dataclass(frozen=True)
class Walk:
    """The position of the rows of images in a picture; a slider in the report moves through them."""

    rows: Sequence[str]  # a name for each, or an empty one
    boxes: Sequence[Sequence[tuple[int, int, int, int]]]  # left, top, width, height of each image in pixels, by rows
    labels: Sequence[Sequence[str]] = ()  # texts of the images, by rows
    stops: Sequence[str] = ()  # texts of the columns


@dataclass(frozen=True)
class Picture:
    """A PNG with a title and a caption that describes it; a grid of images has a walk through them."""

    title: str
    png: bytes = field(repr=False)
    caption: str = ""
    walk: Walk | None = None

    def _repr_png_(self) -> bytes:
        return self.png


@dataclass(frozen=True)
class Scatter:
    """Points in space, three coordinates each, with classes as indices into `names`. The report can turn them."""

    title: str
    points: Sequence[Sequence[float]] = field(repr=False)
    classes: Sequence[int] = field(repr=False)
    names: Sequence[str]
    caption: str = ""


@dataclass
class Result:
    """`figures` are named numbers for programs and a run's last lines; `paper` holds the paper's values by the same
    names; `outcomes` states for each test image, in order, whether it was right, for paired tests of two runs;
    `summary` is the line that a run prints for this evaluation."""

    figures: dict[str, float] = field(default_factory=dict)
    paper: dict[str, float] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    summary: str = ""
    scatters: list[Scatter] = field(default_factory=list)
    outcomes: dict[str, list[bool]] = field(default_factory=dict, repr=False)


class Point(NamedTuple):
    """A loss after an iteration. `time` is the run's start, in seconds since 1970, plus its training time."""

    series: str  # `training/PHASE/LOSS` or `validation/PHASE/LOSS`
    step: int  # the phase's iteration, from 1
    value: float
    time: float


@dataclass(frozen=True)
class RecordedRun:
    """The contents of a run's folder, for trackers. Runs that train the same have equal `hash` values, in hexadecimal.

    Times are seconds since 1970; `about` describes data, code and versions; a series has one point for each step;
    `figures` are called `evaluation/NAME/FIGURE`; `files` are the recipe and reports, by their paths in the folder.
    """

    folder: Path
    name: str
    hash: str
    state: str = "running"  # or `finished`, `stopped`, `failed`
    started: float = 0.0
    updated: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)  # values of the recipe, by dotted keys
    about: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[Point] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)  # by evaluation
    files: Mapping[str, bytes] = field(default_factory=dict)
