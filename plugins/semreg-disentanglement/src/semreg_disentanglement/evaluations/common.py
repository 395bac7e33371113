"""Tools that the evaluations share: codes and factors of a run, and a metric's figures, tables and picture."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import torch
from annotated_types import Ge
from einops import reduce
from torch import Tensor

from semreg.core import KNOWN, AttributesField, ClassField, Handle, Picture, Result, Table, TrainedRun, VectorField
from semreg.pictures import heat_map
from semreg.trained import read_attributes, read_codes
from semreg_disentanglement.functional.common import FactorWarning, Inputs, Measured, inputs, measured
from semreg_disentanglement.functional.common import figures as figures_of

Split = Literal["train", "validation", "test"]
Draws = Annotated[int, Ge(2)]

LEVELS = ("low", "high", "chance")
"""Suffixes of a figure's name: the ends of its interval, and its chance level."""
PICTURED = 40
"""The most dimensions in a picture: those with the largest entries."""


class Columns(NamedTuple):
    """Factors of a split by name."""

    names: list[str]
    values: Tensor
    """float64 `(images, factors)`, NaN if unknown."""


def factor_columns(run: TrainedRun, factors: Sequence[Handle], split: str) -> Columns:
    """Return the factors of a split: a column for a field of classes, and one for each of binary labels and of a
    vector.

    The default is all fields of classes, or if there are none all of binary labels. Raises ValueError for a tensor that
    is not a label, and if there are none.
    """
    names: list[str] = []
    columns: list[Tensor] = []
    for label in factors or _labels(run):
        if isinstance(label.field, ClassField):
            names, columns = [*names, label.name], [*columns, label.read(split)[:, None]]
        elif isinstance(label.field, AttributesField):
            names, columns = [*names, *label.field.names], [*columns, read_attributes(label, split)]
        elif isinstance(label.field, VectorField):
            numbered = [f"{label.name} {place}" for place in range(label.field.size)]
            names, columns = [*names, *numbered], [*columns, label.read(split)]
        else:
            raise ValueError(f"{label.name!r} is not a field of labels in the data, so it is not a factor")
    if not names:
        raise ValueError("the data have no field of labels, so there are no factors")
    return Columns(names, torch.cat([column.double() for column in columns], 1))


def _known_factors(run: TrainedRun, factors: Sequence[Handle], split: str) -> tuple[list[str], Tensor, Tensor]:
    """Return `factor_columns`, and the images whose factors are all known, int64 `(known,)`, at least two."""
    names, values = factor_columns(run, factors, split)
    known = (~values.isnan().any(1)).nonzero().flatten()
    if len(known) < 2:
        raise ValueError(f"all of {', '.join(names)} are known for {len(known)} of {len(values)} {split} images")
    return names, values, known


def _labels(run: TrainedRun) -> list[Handle]:
    """Return the fields of classes, or if there are none those of binary labels."""
    for kind in (ClassField, AttributesField):
        found = [name for name, field in run.fields.items() if isinstance(field, kind) and not name.endswith(KNOWN)]
        if found:
            return [run.tensor(name) for name in found]
    return []


def codes_of(code: Handle, split: str) -> Tensor:
    """Return the codes of a split, `(images, code)`: of a spatial code `(channels, height, width)` the mean over
    positions.

    Any other code is flattened. Raises ValueError if it is not a tensor.
    """
    first = code.read(split, count=1)
    if not isinstance(first, Tensor) or first.ndim != 4:
        return read_codes(code, split, flat=True)
    pooled = "images channels height width -> images channels"
    return torch.cat([reduce(codes, pooled, "mean") for codes in code.batches(split)])


def evaluated(
    metric: Callable[[Tensor, Tensor], Any],
    code: Handle,
    factors: Sequence[Handle],
    *,
    figures: Mapping[str, str],
    entries: str,
    how: str,
    split: str,
    count: int,
    draws: int,
    generator: torch.Generator | None,
    exact: Collection[str] = (),
) -> Result:
    """Compute a metric of a run's code and factors: its figures with chance levels and intervals, its matrix, and the
    dimension of each factor.

    Images with an unknown factor are left out.

    Args:
        metric: a function of codes and factors, whose result has a `matrix` and `coded_by`.
        code: as `codes_of` reads it.
        factors: as `factor_columns` takes them.
        figures: the names of the metric's figures here.
        entries: the name of its matrix's entries.
        how: further explanation for the reader, a sentence or more.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance levels, and half samples for the intervals.
        generator: source of all draws.
        exact: the metric's figures that have neither chance level nor interval.

    Raises ValueError as the metric does, and for tensors that are not codes or labels.
    """
    generator = generator or torch.Generator().manual_seed(0)
    names, values, known = _known_factors(code.run, factors, split)
    rows = known[torch.randperm(len(known), generator=generator)[:count]].sort().values
    given = inputs(f"{code.name!r}", codes_of(code, split)[rows], values[rows], names=names, warn=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FactorWarning)  # which the result says
        found = measured(metric, given.codes, given.factors, draws=draws, generator=generator)
    names = [names[place] for place in given.places.tolist()]
    notes = [f"{len(rows):,} {split} images", *given.notes]
    if len(known) < len(values):
        notes.append(f"{len(values) - len(known):,} images that lack some factor are left out")
    if len(given.dimensions) < given.given[0]:
        notes.append(f"of {given.given[0]} dimensions those that vary are read, {len(given.dimensions)}")
    defined = {name: value for name, value in figures_of(found.result).items() if not math.isnan(value)}
    undefined = [figures[name] for name in figures if name not in defined]
    if undefined:
        notes.append(f"no {' or '.join(undefined)} of one factor or dimension")
    levels = {figures[name]: {} if name in exact else _levels(found, name) for name in defined}
    shown = {figures[name]: value for name, value in defined.items()}
    table = Table(
        f"How {code.name} codes {', '.join(names)}",
        ("figure", "value", "from", "to", "chance"),
        [(name, value, *map(levels[name].get, LEVELS)) for name, value in shown.items()],
        caption=f"{how} {'; '.join(notes)}. From, to: a 95 % interval over images. Chance: the same after shuffling "
        "images between codes and factors.",
    )
    matrix, dimensions = found.result.matrix, given.dimensions.tolist()
    return Result(
        figures=shown | {f"{name}_{level}": value for name, known in levels.items() for level, value in known.items()},
        tables=[table, _what_codes_what(matrix, dimensions, names, entries)],
        pictures=[_picture(matrix, dimensions, names, entries, code.name)],
        summary="; ".join(_said(name, value, levels[name]) for name, value in shown.items()),
    )


def _levels(found: Measured, name: str) -> dict[str, float]:
    """Return the ends of a figure's interval and its chance level, except those that so few images don't have."""
    known = zip(LEVELS, (found.low[name], found.high[name], found.chance[name]), strict=True)
    return {level: value for level, value in known if not math.isnan(value)}


def _said(name: str, value: float, levels: Mapping[str, float]) -> str:
    between = ["{low:.3f} to {high:.3f}".format(**levels)] if "low" in levels else []
    chance = [f"chance {levels['chance']:.3f}"] if "chance" in levels else []
    said = f"{name.replace('_', ' ')} {value:.3f}"
    return f"{said} ({', '.join(between + chance)})" if between or chance else said


def _what_codes_what(matrix: Tensor, dimensions: Sequence[int], names: Sequence[str], entries: str) -> Table:
    """Return for each factor the dimension with the largest entry, and the next."""
    best = matrix.topk(min(2, len(dimensions)), dim=0)
    rows = [
        (name, *(cell for place, value in zip(places, values, strict=True) for cell in (dimensions[place], value)))
        for name, places, values in zip(names, best.indices.T.tolist(), best.values.T.tolist(), strict=True)
    ]
    columns = ("factor", "dimension", "entry", "next dimension", "entry")[: len(rows[0])]
    return Table("Which dimension codes which factor", columns, rows, caption=f"Entries: {entries}. Dimensions from 0.")


def _picture(matrix: Tensor, dimensions: Sequence[int], names: Sequence[str], entries: str, code: str) -> Picture:
    """Draw the matrix, a row for each factor, a column for each dimension, or for those with the largest entries."""
    shown = matrix.amax(1).topk(min(PICTURED, len(matrix))).indices.sort().values
    less = f" The {PICTURED} of {len(matrix)} dimensions with the largest." if len(shown) < len(matrix) else ""
    return heat_map(
        f"Factors in each dimension of {code}",
        matrix[shown].T,
        list(names),
        [str(dimensions[place]) for place in shown.tolist()],
        caption=f"{entries[0].upper()}{entries[1:]}, by factor and dimension.{less}",
        limits=(0, max(1.0, float(matrix.max()))),
    )


def require_factors(code: Handle, *factors: Handle, split: str, **options: Any) -> None:
    """Raise ValueError for labels without a factor that varies, which can be checked before training."""
    factors_alone(code, factors, split)


def factors_alone(code: Handle, factors: Sequence[Handle], split: str) -> Inputs:
    """Return the factors of a split without codes, which don't exist before training. Raises ValueError if
    none varies."""
    names, values, known = _known_factors(code.run, factors, split)
    numbers = torch.arange(len(known))[:, None]
    return inputs(f"the factors of {code.name!r}", numbers, values[known], names=names, warn=False)
