"""Objects of the library from a recipe's options: losses, and their distances, reducers, miners, regularizers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import torch
from pytorch_metric_learning import distances, losses, miners, reducers, regularizers
from torch import Tensor, nn

from semreg.core import as_module
from semreg_metric_learning.names import ENTRIES
from semreg_metric_learning.signatures import Part, constructed_by, options_of

Made = TypeVar("Made", bound=nn.Module)

REFUSED: Mapping[str, str] = {
    "BatchedDistance": "it calls a function for each part of a matrix, and a recipe holds no functions",
    "DoNothingReducer": "it gives no scalar",
    "EmbeddingsAlreadyPackagedAsTriplets": "it takes each three rows of a batch for a triplet, and no sampler of a "
    "recipe puts an anchor, a positive and a negative one after another",
    "ManifoldLoss": "it takes batches of at least as many codes as it has proxies, without classes, and assigns "
    "codes to proxies at random each time",
    "SmoothAPLoss": "it takes batches of as many classes as codes of each class, one class after another, which no "
    "sampler of a recipe gives",
}
"""Classes that recipes can't use, with the reasons."""


class CosineBelowOne(distances.CosineSimilarity):  # type: ignore[misc]
    """Cosines clamped inside (-1, 1), where angles and the bins of a histogram are valid despite rounding."""

    def compute_mat(self, query_emb: Tensor, ref_emb: Tensor) -> Tensor:
        cosines: Tensor = super().compute_mat(query_emb, ref_emb)
        limit = 1 - 8 * torch.finfo(cosines.dtype).eps
        return cosines.clamp(-limit, limit)


class MeanOfAny(reducers.MeanReducer):  # type: ignore[misc]
    """The mean, and 0 for an empty batch: `nca` leaves out codes without another of their class."""

    def element_reduction(self, losses: Tensor, *_: Any) -> Tensor:
        return losses.mean() if len(losses) else losses.sum()


BELOW_ONE = ("HistogramLoss", "TupletMarginLoss")
"""Losses in which two equal codes give an index out of range, or NaN."""

BASES: Mapping[str, tuple[Any, type[nn.Module], str]] = {
    "distance": (distances, distances.BaseDistance, "Distance|Similarity"),
    "reducer": (reducers, reducers.BaseReducer, "Reducers?"),
    "miner": (miners, miners.BaseMiner, "Miner"),
    "regularizer": (regularizers, regularizers.BaseRegularizer, "Regularizer"),
}
"""The library's module of each category, the base class there, and the ending of its classes' names."""
CATEGORIES: Mapping[str, str] = {
    "distance": "distance", "reducer": "reducer", "default_reducer": "reducer", "miner": "miner", "loss": "loss",
    "embedding_regularizer": "regularizer", "weight_regularizer": "regularizer",
}  # fmt: skip
"""The category of each option."""


@cache
def classes(category: str) -> dict[str, type[nn.Module]]:
    """Return the library's classes of a category, by their names in options: `LpDistance` is `lp`."""
    if category == "loss":
        return {name: getattr(losses, entry.library) for name, entry in ENTRIES.items()}
    module, base, ending = BASES[category]
    found = [one for one in vars(module).values() if isinstance(one, type) and one is not base]
    found = [one for one in found if issubclass(one, base) or one.__name__ in REFUSED]
    return {snake_case(re.sub(f"({ending})$", "", one.__name__)): one for one in found}


def snake_case(name: str) -> str:
    """Return `AvgNonZero` as `avg_non_zero`, `SNR` as `snr`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def made(kind: type[Made], options: Mapping[str, Any]) -> Made:
    """Make an object of the library from the options of a recipe.

    Raises ValueError for options that the library or this adapter rejects; None keeps a default.
    """
    if kind.__name__ in REFUSED:
        raise ValueError(f"{kind.__name__}: {REFUSED[kind.__name__]}")
    given = {name: _converted(name, value) for name, value in options.items() if value is not None}
    try:
        loss = kind(**given)
    except ValueError:
        raise
    except Exception as error:  # the library asserts, or raises any exception
        said = str(error) or "it refuses these options"
        raise ValueError(f"{kind.__name__}: {said}") from error
    if kind.__name__ in BELOW_ONE and type(loss.distance) is distances.CosineSimilarity:
        loss.distance = CosineBelowOne()
    if type(getattr(loss, "reducer", None)) is reducers.MeanReducer:
        loss.reducer = MeanOfAny()
    return loss


def part(category: str, said: Part) -> nn.Module:
    """Make a distance, reducer, miner, regularizer or inner loss from its name, or from a table of `use` and its
    options.

    Raises ValueError for an unknown name, with the known ones, and for options that don't fit.
    """
    known = classes(category)
    options: dict[str, Any] = dict(said) if isinstance(said, Mapping) else {"use": said}
    name = options.pop("use", None)
    if name not in known:
        there = ", ".join(sorted(one for one, kind in known.items() if kind.__name__ not in REFUSED))
        raise ValueError(f"no {category} is called {name!r}; expected one of: {there}")
    kind: Any = known[name]
    try:
        module: nn.Module = as_module(_typed(kind), **options)
    except ValueError as error:
        _, _, several = str(error).partition("error\n" if "1 error\n" in str(error) else "errors\n")
        found = [line.strip().replace("  ", ": ", 1) for line in several.splitlines()]  # of options, a line each
        told = "; ".join(found) or str(error).removeprefix(f"{kind.__name__}: ")
        raise ValueError(f"{category} {name!r}: {told}") from error
    return module


@cache
def _typed(kind: Any) -> type[Any]:
    """Return a class that makes an object of the library, and whose signature has the types of a recipe's options."""

    def new(_: type[Any], **options: Any) -> nn.Module:
        module: nn.Module = made(kind, options)
        return module

    def construct(self: Any, **options: Any) -> None:
        """Accept the options; the made object is of another class."""

    options = {} if kind.__name__ in REFUSED else options_of(kind)
    return type(kind.__name__, (), {"__new__": new, **constructed_by(construct, options)})


def _converted(name: str, value: Any) -> Any:
    """Return an option in the library's type."""
    if name in CATEGORIES:
        return part(CATEGORIES[name], value)
    if name == "reducers":
        return {key: part("reducer", one) for key, one in value.items()}
    if name == "weights":
        return torch.tensor(value)
    return value
