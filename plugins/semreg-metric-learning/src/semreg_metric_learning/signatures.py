"""The options of the library's classes, read from their constructors: names, defaults and, if known, types."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from annotated_types import Ge

from semreg.core import Role

Part = str | dict[str, Any]
"""A distance, reducer, miner or regularizer: its name, or a table of `use` and its options."""
Count = Annotated[int, Ge(1)]
Strategy = Literal["hard", "semihard", "easy", "all"]

NO_OPTIONS = frozenset({
    "aggregation_func", "iter_fn", "weight_init_func",  # functions, which a recipe can't hold
    "collect_stats",  # for statistics that semreg doesn't read, and which wait for a GPU
    "is_inverted", "mat_based_loss",  # a class passes these to its base
})  # fmt: skip
FIXED: Mapping[str, frozenset[str]] = {
    "AvgNonZeroReducer": frozenset({"low"}),
    "BatchHardMiner": frozenset({"pos_strategy", "neg_strategy"}),
    "CosineSimilarity": frozenset({"normalize_embeddings"}),
    "VICRegLoss": frozenset({"distance", "embedding_regularizer"}),
}
"""Options that a class sets itself for its base, or rejects."""
SIZES = ("embedding_size", "descriptors_dim", "l")
"""The names of the code's length in the library's constructors."""


class Option(NamedTuple):
    """A keyword of a constructor: the type of its values in a recipe, how that is shown, and its default."""

    type: Any
    text: str
    default: Any

    def parameter(self, name: str) -> inspect.Parameter:
        """Return it as a parameter of a signature."""
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=self.default, annotation=self.text)


TYPES: Mapping[str, tuple[Any, str]] = {
    **dict.fromkeys(("distance", "reducer", "miner", "default_reducer"), (Part, "str | dict")),
    **dict.fromkeys(("embedding_regularizer", "weight_regularizer", "loss"), (Part, "str | dict")),
    **dict.fromkeys(
        ("K", "centers_per_class", "memory_size", "n_bins", "neg_per_bin", "num_bins", "pos_per_bin", "sub_centers"),
        (Count, "int"),
    ),
    "allowed_neg_range": (list[float], "list[float]"),
    "allowed_pos_range": (list[float], "list[float]"),
    "neg_strategy": (Strategy, "'hard' | 'semihard' | 'easy' | 'all'"),
    "num_classes": (Annotated[int, Ge(1), Role.CLASSES], "int"),
    "pos_strategy": (Strategy, "'hard' | 'semihard' | 'easy' | 'all'"),
    "reducers": (dict[str, Part], "dict[str, str | dict]"),
    "triplets_per_anchor": (Count | Literal["all"], "int | 'all'"),
    "type_of_triplets": (Literal["all", "hard", "semihard", "easy"], "'all' | 'hard' | 'semihard' | 'easy'"),
    "variant": (Literal["Ds", "Dq", "Iu", "Ib", "O"], "'Ds' | 'Dq' | 'Iu' | 'Ib' | 'O'"),
    "weights": (list[float], "list[float]"),
}
"""Types of options whose default doesn't show it."""


def options_of(kind: type) -> dict[str, Option]:
    """Return the options of a class of the library, its own and those that it passes to its bases, by name."""
    found: dict[str, Option] = {}
    for parameter in _keywords(kind):
        name = parameter.name
        if name not in found and name not in NO_OPTIONS and name not in FIXED.get(kind.__name__, ()):
            found[name] = _option(parameter)
    return found


def _keywords(kind: type) -> Iterator[inspect.Parameter]:
    """Yield the keywords of each constructor in turn, as long as it passes on unknown ones."""
    for one in kind.__mro__:
        constructor = vars(one).get("__init__")
        if constructor is None:
            continue
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        yield from (p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return


def _option(parameter: inspect.Parameter) -> Option:
    name, default = parameter.name, parameter.default
    type_, text = TYPES.get(name, (type(default), type(default).__name__))
    if name not in TYPES and not isinstance(default, bool | str):
        type_, text = float, "float"  # many defaults of the library's real numbers are whole
    if default is None:
        type_, text = type_ | None, f"{text} | None"
    return Option(type_, text, default)


def constructed_by(constructor: Callable[..., None], options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the members of a class whose constructor accepts the options: the constructor with their types, and their
    signature."""
    constructor.__annotations__ = {name: option.type for name, option in options.items()}
    signature = inspect.Signature([option.parameter(name) for name, option in options.items()])
    return {"__init__": constructor, "__signature__": signature}


def takes_a_miner(kind: type) -> bool:
    """Return whether a loss of the library uses triplets or pairs that a miner chose."""
    return "indices_tuple_not_supported" not in inspect.getsource(kind)
