"""Steps that all metrics share: checks of inputs, bins of codes, held-out images, chance levels and intervals."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import shape_error

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

BINS = 20
"""How many bins of equal width codes and continuous factors have, as in disentanglement_lib."""
LEAST = 20
"""A factor counts as constant if fewer images are outside of its largest class."""
RARE = 10
"""A class of fewer images counts as rare."""
HELD_OUT = 1 / 3
"""The share of images on which predictors are tested: disentanglement_lib trains on 10,000 and tests on 5,000."""
DRAWS = 20
"""Shuffles for a chance level, and half samples for an interval."""
NORMAL_95 = 1.96
Count = Annotated[int, Gt(0)]


class FactorWarning(UserWarning):
    """A factor was left out or binned, or has rare classes."""


class Inputs(NamedTuple):
    """Codes and factors in the form that all metrics use, without constant ones."""

    codes: Tensor
    """float64 `(images, dimensions)`."""
    factors: Tensor
    """int64 `(images, factors)`, the classes of each from 0 without a gap."""
    dimensions: Tensor
    """The numbers of these dimensions in the code, int64 `(dimensions,)`."""
    places: Tensor
    """The numbers of these factors among the given ones, int64 `(factors,)`."""
    given: tuple[int, int]
    """How many dimensions and factors were given."""
    notes: tuple[str, ...]
    """Warnings about factors that were left out or binned, and rare classes, a sentence each."""

    def as_given(self, matrix: Tensor) -> Tensor:
        """Return a matrix `(dimensions, factors)` of all given ones, with NaN for those that were left out."""
        whole = matrix.new_full(self.given, torch.nan)
        whole[self.dimensions[:, None], self.places] = matrix
        return whole

    def of_dimensions(self, values: Tensor) -> Tensor:
        """Return values `(dimensions,)` with one for each given dimension, NaN for those that were left out."""
        whole = values.new_full(self.given[:1], torch.nan)
        whole[self.dimensions] = values
        return whole

    def of_factors(self, values: Tensor) -> Tensor:
        """Return values `(factors,)` with one for each given factor, NaN for those that were left out."""
        whole = values.new_full(self.given[1:], torch.nan)
        whole[self.places] = values
        return whole

    def coded_by(self, matrix: Tensor) -> Tensor:
        """Return the dimension with the largest entry for each given factor, int64 `(factors,)`, -1 if it was
        left out."""
        whole = torch.full(self.given[1:], -1)
        whole[self.places] = self.dimensions[matrix.argmax(0)]
        return whole


def inputs(
    call: str, codes: Tensor, factors: Tensor, *, names: Sequence[str] = (), bins: int = BINS, warn: bool = True
) -> Inputs:
    """Check codes and factors and bring them into one form; a FactorWarning reports changes.

    Dimensions and factors that don't vary are left out; factors of real numbers are binned if they have more values
    than bins. NumPy arrays are accepted, too.

    Args:
        call: the caller, for messages.
        codes: real `(images, code)`.
        factors: classes, or real numbers to be binned, `(images, factors)`, or one factor `(images,)`.
        names: of the factors; by default their numbers, from 0.
        bins: of equal width, for factors of real numbers.
        warn: whether to warn about `notes`.

    Raises:
        ValueError: for other shapes, values that are not finite, fewer images than dimensions that vary, and if no
            dimension or no factor varies.
    """
    codes, factors = torch.as_tensor(codes), torch.as_tensor(factors)
    columns = factors[:, None] if factors.ndim == 1 else factors
    if codes.ndim != 2 or columns.ndim != 2 or len(codes) != len(columns):
        raise shape_error(call, "images code, images factors", "a row for each image is needed", codes, factors)
    codes = codes.detach().double().cpu()
    for what, values in (("codes", codes), ("factors", columns)):
        bad = int((~values.isfinite()).any(1).sum())
        if bad:
            raise ValueError(f"{call}: the {what} are not finite for {bad} of {len(values)} images")
    dimensions = varying(codes)
    if not len(dimensions):
        raise ValueError(f"{call}: the codes of all {len(codes)} images are equal; a dimension that varies is needed")
    if len(codes) < len(dimensions):
        raise ValueError(f"{call}: {len(codes)} images are too few for codes of {len(dimensions)} dimensions")
    if len(codes) <= LEAST:
        needed = f"of a factor {LEAST} must be of another class than the largest"
        raise ValueError(f"{call}: {len(codes)} images are too few; {needed}")
    notes: list[str] = []
    kept: dict[int, Tensor] = {}
    for place, column in enumerate(columns.detach().cpu().T):
        name = names[place] if names else f"factor {place}"
        classes = _classes(column, name, bins, notes)
        if classes is not None:
            kept[place] = classes
    if not kept:
        raise ValueError(f"{call}: no factor varies enough; {'; '.join(notes) or 'there is none'}")
    if warn:
        for note in notes:
            warnings.warn(f"{call}: {note}", FactorWarning, stacklevel=3)
    places = torch.tensor(list(kept))
    given = (codes.shape[1], columns.shape[1])
    return Inputs(codes[:, dimensions], torch.stack([*kept.values()], 1), dimensions, places, given, tuple(notes))


def varying(codes: Tensor) -> Tensor:
    """Return the dimensions that differ between images by more than rounding in float32."""
    spread = codes.amax(0) - codes.amin(0) if len(codes) else codes.new_zeros(codes.shape[1])
    size = codes.abs().amax(0) if len(codes) else spread
    return (spread > 1e-6 * size).nonzero().flatten()


def _classes(column: Tensor, name: str, bins: int, notes: list[str]) -> Tensor | None:
    """Return the classes of one factor from 0 without a gap, None for one that hardly varies; adds to the notes."""
    real = column.is_floating_point() and bool((column != column.round()).any())
    if real and len(torch.unique(column)) > bins:
        notes.append(f"{name} is continuous, and binned into {bins} bins of equal width")
        column = binned(column.double()[:, None], bins)[:, 0]
    classes: Tensor
    _, classes, counts = torch.unique(column, return_inverse=True, return_counts=True)
    others = len(column) - int(counts.max())
    if others < LEAST:
        found = f"has another value in {others} of {len(column)} images ({LEAST} needed)" if others else "is constant"
        notes.append(f"{name} {found}, and is left out")
        return None
    rare = int((counts < RARE).sum())
    if rare:
        notes.append(f"{rare} of the {len(counts)} classes of {name} have fewer than {RARE} images")
    return classes


def binned(values: Tensor, bins: int = BINS) -> Tensor:
    """Return the bin of each value among `bins` of equal width from the least to the greatest of its column, from 0.

    The bins are those of disentanglement_lib: `numpy.histogram`'s edges, each bin with its lower one, the last with
    both.

    Args:
        values: finite, `(rows, columns)`.
        bins: how many.

    Returns:
        int64 `(rows, columns)`.
    """
    columns = [
        np.digitize(column, np.histogram_bin_edges(column, bins)[:-1]) - 1 for column in values.double().numpy().T
    ]
    return torch.from_numpy(np.stack(columns, 1))


def mutual_information(codes: Tensor, factors: Tensor) -> Tensor:
    """Compute the mutual information of each column of one with each of the other, in nats: Σ p(c, f) log p(c,
    f)/p(c)p(f).

    Args:
        codes: classes from 0, such as bins, int64 `(images, dimensions)`.
        factors: classes from 0, int64 `(images, factors)`.

    Returns:
        float64 `(dimensions, factors)`.
    """
    dimensions, values = codes.shape[1], int(codes.max()) + 1
    of_column = torch.arange(dimensions) * values + codes
    found = []
    for factor in factors.T:
        classes = int(factor.max()) + 1
        counts = (of_column * classes + factor[:, None]).flatten().bincount(minlength=dimensions * values * classes)
        joint = counts.double().reshape(dimensions, values, classes) / len(factor)
        found.append(entropy(joint.sum(2)) + entropy(joint.sum(1)) - entropy(joint.flatten(1)))
    told: Tensor = torch.stack(found, 1).clamp(min=0)  # below 0 by rounding alone
    return told


def entropy(probabilities: Tensor) -> Tensor:
    """Compute −Σ p log p over the last axis, in nats, with 0 log 0 = 0."""
    products: Tensor = torch.special.xlogy(probabilities, probabilities)
    return -products.sum(-1)


def entropies(factors: Tensor) -> Tensor:
    """Compute the entropy of each factor, in nats: classes from 0 `(images, factors)`, float64 `(factors,)`."""
    return torch.stack([entropy(factor.bincount().double() / len(factor)) for factor in factors.T])


def gaps(matrix: Tensor) -> Tensor:
    """Return how far the largest entry of each column `(dimensions, factors)` is above the second, or 0,
    `(factors,)`."""
    first, second = torch.cat([matrix, torch.zeros_like(matrix[:1])]).topk(2, dim=0).values
    between: Tensor = first - second
    return between


def held_out(images: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draw the rows of images to train predictors on, and a third of all to test them, at random, ascending."""
    order = torch.randperm(images, generator=generator or torch.Generator().manual_seed(0))
    test = round(HELD_OUT * images)
    return order[test:].sort().values, order[:test].sort().values


def standardised(codes: Tensor, train: Tensor) -> Tensor:
    """Return codes `(images, dimensions)` minus the training rows' mean, over their standard deviation; 0 for a
    constant."""
    mean, deviation = codes[train].mean(0), codes[train].std(0, correction=0)
    return (codes - mean) / torch.where(deviation > 0, deviation, torch.inf)


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the thread pools of the loaded libraries, looked up once."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def fitting() -> Iterator[None]:
    """Silence scikit-learn's warnings about fits that use all iterations, and about as many classes as images.

    Linear algebra uses one thread in the block: for matrices as small as codes, several take seven times as long
    (measured).
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), _thread_pools().limit(limits=1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes")  # `Inputs.notes` say which are rare
        yield


def drawn_seed(generator: torch.Generator) -> int:
    """Draw a seed for scikit-learn."""
    return int(torch.randint(2**31, (), generator=generator))


def figures(result: Any) -> dict[str, float]:
    """Return the numbers among the fields of a metric's result, by name."""
    return {name: value for name, value in result._asdict().items() if isinstance(value, float)}


class Measured(NamedTuple):
    """A metric's result, and for each of its figures the chance level and an interval of 95 %."""

    result: Any
    chance: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


def measured(
    metric: Callable[[Tensor, Tensor], Any],
    codes: Tensor,
    factors: Tensor,
    *,
    draws: int = DRAWS,
    generator: torch.Generator | None = None,
) -> Measured:
    """Compute a metric with its chance level and a bootstrap interval.

    The chance level is the mean with images shuffled between codes and factors. The interval is the figure ± 1.96
    standard deviations over random half samples without repetition, within 0 and 1. Half samples replace bootstrap
    samples, and have the same variance (McCarthy, *Pseudo-Replication: Half Samples* (1969)): a bootstrap's repeated
    images would be on both sides of a predictor's split, and count as dependence in mutual information.

    Args:
        metric: such as `mig`, or a `functools.partial` of it; its figures are from 0 to 1.
        codes: real `(images, code)`.
        factors: `(images, factors)`, or one factor `(images,)`.
        draws: shuffles, and half samples, at least 2.
        generator: source of both.

    Half samples in which a factor doesn't vary enough, though it does in all images, are left out of the interval.

    Raises:
        ValueError: as the metric does, and for less than 2 draws.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; an interval needs 2 or more")
    generator = generator or torch.Generator().manual_seed(0)
    codes, factors = torch.as_tensor(codes), torch.as_tensor(factors)
    result, images = metric(codes, factors), len(codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FactorWarning)
        shuffled = [_tried(metric, codes[_order(images, generator)], factors, result) for _ in range(draws)]
        orders = [_order(images, generator)[: images // 2] for _ in range(draws)]
        halves = [_tried(metric, codes[rows], factors[rows], result) for rows in orders]
    known = figures(result)
    chance = {name: _moments(shuffled, name)[0] for name in known}
    ends = {name: interval(value, _moments(halves, name)[1]) for name, value in known.items()}
    low, high = ({name: pair[end] for name, pair in ends.items()} for end in (0, 1))
    return Measured(result, chance, low, high)


def interval(value: float, deviation: float) -> tuple[float, float]:
    """Return the ends of an interval of 95 % about a figure, within 0 and 1 if the figure is; NaN for a NaN."""
    width = NORMAL_95 * deviation
    return max(value - width, min(value, 0.0)), min(value + width, max(value, 1.0))  # a NaN stays what it is


def _order(images: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(images, generator=generator)


def _tried(metric: Callable[[Tensor, Tensor], Any], codes: Tensor, factors: Tensor, whole: Any) -> dict[str, float]:
    """Return the figures; none if the images are too few, or leave out a factor that the `whole` has."""
    try:
        found = metric(codes, factors)
    except ValueError:
        return {}
    return figures(found) if torch.equal(found.coded_by < 0, whole.coded_by < 0) else {}


def _moments(found: Sequence[dict[str, float]], name: str) -> tuple[float, float]:
    """Return mean and standard deviation of a figure's known values, NaN for fewer than two."""
    values = [figures[name] for figures in found if not math.isnan(figures.get(name, math.nan))]
    if len(values) < 2:
        return math.nan, math.nan
    return float(np.mean(values)), float(np.std(values, ddof=1))
