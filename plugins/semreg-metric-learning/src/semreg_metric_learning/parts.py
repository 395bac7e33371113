"""Objects of the library from what a recipe says: losses, and their distances, reducers, miners, regularizers."""

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
"""What needs what a recipe can't give, and why."""


class CosineBelowOne(distances.CosineSimilarity):  # type: ignore[misc]
    """Cosines that rounding leaves within (-1, 1), where their angles and the bins of a histogram are."""

    def compute_mat(self, query_emb: Tensor, ref_emb: Tensor) -> Tensor:
        cosines: Tensor = super().compute_mat(query_emb, ref_emb)
        limit = 1 - 8 * torch.finfo(cosines.dtype).eps
        return cosines.clamp(-limit, limit)


class MeanOfAny(reducers.MeanReducer):  # type: ignore[misc]
    """The mean, and 0 where there is nothing to average: `nca` leaves out codes without another of their class."""

    def element_reduction(self, losses: Tensor, *_: Any) -> Tensor:
        return losses.mean() if len(losses) else losses.sum()


BELOW_ONE = ("HistogramLoss", "TupletMarginLoss")
"""Of which two equal codes make an index out of range, or NaN."""

BASES: Mapping[str, tuple[Any, type[nn.Module], str]] = {
    "distance": (distances, distances.BaseDistance, "Distance|Similarity"),
    "reducer": (reducers, reducers.BaseReducer, "Reducers?"),
    "miner": (miners, miners.BaseMiner, "Miner"),
    "regularizer": (regularizers, regularizers.BaseRegularizer, "Regularizer"),
}
"""The library's module of each category, the base class there, and how its classes' names end."""
CATEGORIES: Mapping[str, str] = {
    "distance": "distance", "reducer": "reducer", "default_reducer": "reducer", "miner": "miner", "loss": "loss",
    "embedding_regularizer": "regularizer", "weight_regularizer": "regularizer",
}  # fmt: skip
"""What an option names."""


@cache
def classes(category: str) -> dict[str, type[nn.Module]]:
    """The library's classes of a category, by the names that options have for them: `LpDistance` is `lp`."""
    if category == "loss":
        return {name: getattr(losses, entry.library) for name, entry in ENTRIES.items()}
    module, base, ending = BASES[category]
    found = [one for one in vars(module).values() if isinstance(one, type) and one is not base]
    found = [one for one in found if issubclass(one, base) or one.__name__ in REFUSED]
    return {snake_case(re.sub(f"({ending})$", "", one.__name__)): one for one in found}


def snake_case(name: str) -> str:
    """`AvgNonZero` as `avg_non_zero`, `SNR` as `snr`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def made(kind: type[Made], options: Mapping[str, Any]) -> Made:
    """An object of the library, from the options of a recipe.

    Raises ValueError for what the library or this adapter refuses; those that are None keep their defaults.
    """
    if kind.__name__ in REFUSED:
        raise ValueError(f"{kind.__name__}: {REFUSED[kind.__name__]}")
    given = {name: _converted(name, value) for name, value in options.items() if value is not None}
    try:
        loss = kind(**given)
    except ValueError:
        raise
    except Exception as error:  # the library asserts, or raises what it has at hand
        said = str(error) or "it refuses these options"
        raise ValueError(f"{kind.__name__}: {said}") from error
    if kind.__name__ in BELOW_ONE and type(loss.distance) is distances.CosineSimilarity:
        loss.distance = CosineBelowOne()
    if type(getattr(loss, "reducer", None)) is reducers.MeanReducer:
        loss.reducer = MeanOfAny()
    return loss


def part(category: str, said: Part) -> nn.Module:
    """A distance, reducer, miner, regularizer or inner loss: by its name, or by a table of `use` and its options.

    Raises ValueError for a name that there is not, with those that there are, and for options that don't fit.
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
    """A class that makes an object of the library, and whose signature says what a recipe may give it."""

    def new(_: type[Any], **options: Any) -> nn.Module:
        module: nn.Module = made(kind, options)
        return module

    def construct(self: Any, **options: Any) -> None:
        """Take the options; what is made is another class's."""

    options = {} if kind.__name__ in REFUSED else options_of(kind)
    return type(kind.__name__, (), {"__new__": new, **constructed_by(construct, options)})


def _converted(name: str, value: Any) -> Any:
    """An option as the library takes it."""
    if name in CATEGORIES:
        return part(CATEGORIES[name], value)
    if name == "reducers":
        return {key: part("reducer", one) for key, one in value.items()}
    if name == "weights":
        return torch.tensor(value)
    return value
