"""The schema of a recipe: its tables and keys, and their types. `check` resolves the names in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from semreg.core import Problem, UserError, closest
from semreg.core.errors import MOST_PROBLEMS
from semreg.core.options import keys_of, wording
from semreg.data.seeds import WHAT_FITS, is_seed
from semreg.recipe.bounds import TomlTable

BATCH_KEYS = ("batch_size", "sampler")
"""The keys of `[data]` about batches rather than images."""
MOST_MODULES = 200
"""Building so many takes some seconds."""

LARGEST_PIXEL = 1e6
"""Beyond it, and in ranges as narrow, float32 can't separate the 256 levels of an image."""
MOST_WATCHED = 32
"""The most images, and tensors, in a picture of `[watch]`: a screen can't show more clearly."""

Positive = Annotated[int, Gt(0)]


def _as_seed(value: Any) -> Any:
    if not is_seed(value):
        raise ValueError(WHAT_FITS)
    return value


Seed = Annotated[int, BeforeValidator(_as_seed)]


class _Keys(BaseModel):
    """A table with fixed keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Component(BaseModel):
    """A table with `use`: every key that is not reserved is an option of its component."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    use: str

    @property
    def options(self) -> TomlTable:
        return dict(self.__pydantic_extra__ or {})


class ComponentTable(_Component):
    """`use = "component(inputs)"` and its options: a tensor, a loss, a sampler."""


NamedTable = Annotated[
    ComponentTable, BeforeValidator(lambda value: {"use": value} if isinstance(value, str) else value)
]
"""A component that may be written as a string if it has no options: a sampler, an interpolator."""


class GroupTable(BaseModel):
    """Parameters of one module, selected by a name pattern, with their own optimiser options (and schedule)."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    parameters: str
    schedule: ComponentTable | None = None

    @property
    def options(self) -> TomlTable:
        return dict(self.__pydantic_extra__ or {})


EITHER = Discriminator(lambda value: "[table]" if isinstance(value, dict | BaseModel) else "[number]")
"""Separates a number from a table in a union, so that errors concern only the one that was written."""


class ClipTable(_Keys):
    """The limit on a gradient: on each element, and then on its norm over a module."""

    norm: Annotated[float, Gt(0)] | None = None
    value: Annotated[float, Gt(0)] | None = None

    @model_validator(mode="after")
    def _either(self) -> ClipTable:
        if self.norm is None and self.value is None:
            raise ValueError("clip needs `norm`, `value` or both")
        return self


class OptimizerTable(BaseModel):
    """An optimiser, its options, its schedule, groups and gradient clipping (a number is the largest norm)."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    use: str = "adam"
    schedule: ComponentTable | None = None
    groups: list[GroupTable] = []
    clip: Annotated[
        Annotated[float, Gt(0), Tag("[number]")] | Annotated[ClipTable, Tag("[table]")], EITHER
    ] | None = None  # fmt: skip

    @property
    def options(self) -> TomlTable:
        return dict(self.__pydantic_extra__ or {})


class ValidationTable(_Keys):
    """Validation images by whole classes of a field, with a total as near to the amount as possible."""

    amount: Annotated[float, Gt(0)] | Positive
    by: str


class SplitTable(_Keys):
    """The images for training, with and without labels, and for validation (see `split_as`)."""

    train: Annotated[float, Gt(0)] | Positive | None = None
    unlabelled: dict[str, list[str] | Positive] | Annotated[float, Gt(0)] | Positive | None = None
    shots: dict[str, dict[str, Positive]] = {}
    share: Annotated[float, Gt(0), Le(1)] | None = None
    validation: (
        Annotated[
            Annotated[Annotated[float, Gt(0)] | Positive, Tag("[number]")] | Annotated[ValidationTable, Tag("[table]")],
            EITHER,
        ]
        | None
    ) = None


class DataTable(_Component):
    """The data set, its options, and how batches are made of it."""

    batch_size: Positive = 128
    sampler: NamedTable | None = None
    split: SplitTable = SplitTable()
    range: Annotated[list[float], Field(min_length=2, max_length=2)] = [0.0, 1.0]

    @model_validator(mode="after")
    def _ascending(self) -> DataTable:
        low, high = self.range
        if not low < high:
            raise ValueError(f"range {self.range} does not ascend")
        if not (abs(low) <= LARGEST_PIXEL and abs(high) <= LARGEST_PIXEL and high - low >= 1 / LARGEST_PIXEL):
            message = f"range {self.range} can't be held as float32 images; within ±{LARGEST_PIXEL:g}"
            raise ValueError(f"{message}, and {1 / LARGEST_PIXEL:g} wide at least, it can")
        return self


class ModelTable(_Keys):
    """The roles of the recipe's tensors, fields and modules: see `semreg.core.Roles`."""

    input: str = ""
    target: str = ""
    code: list[str] = []
    output: str = ""
    prior: dict[str, str] = {}
    posterior: dict[str, str] = {}
    attributes: dict[str, str] = {}
    sample: str = ""
    interpolator: NamedTable | None = None


class ModuleTable(_Component):
    """A network, prior, critic, classifier or criterion, and its optimiser."""

    optimizer: dict[str, Any] = {}
    ema: Annotated[float, Gt(0), Lt(1)] | None = None
    weights: str | None = None
    precision: Literal["fp32", "bf16", "fp16"] | None = None


class CourseTable(_Component):
    """A weight that changes over the phase: `weight` times the factor of a schedule; the other keys are its options."""

    weight: Annotated[float, Ge(0)]
    use: str = "warmup"


Weight = Annotated[Annotated[float, Tag("[number]")] | Annotated[CourseTable, Tag("[table]")], EITHER]
Row = dict[str, Weight]


class StepTable(_Keys):
    """One step: for each module the losses that train it, with their weights."""

    train: Annotated[dict[str, Row], MinLen(1)]
    repeat: Positive = 1
    accumulate: Positive = 1


class ValidateTable(_Keys):
    """Losses on the validation split every so many epochs; `keep = "best"` ends the phase with the best weights.

    The best weights have the smallest sum of the losses.
    """

    loss: str | Annotated[list[str], MinLen(1)]
    every: Positive = 1
    keep: Literal["last", "best"] = "last"
    patience: Positive | None = None

    @property
    def losses(self) -> list[str]:
        """The names of the losses."""
        return [self.loss] if isinstance(self.loss, str) else self.loss


class PhaseDataTable(_Keys):
    """The parts of the data that a phase may change."""

    batch_size: Positive | None = None
    sampler: NamedTable | None = None
    unlabelled: bool = False


class PhaseTable(_Keys):
    """Epochs over the data, in steps; `train` directly in the phase makes a single step."""

    epochs: Positive
    steps: Annotated[dict[str, StepTable], MinLen(1)]
    data: PhaseDataTable = PhaseDataTable()
    optimizer: dict[str, Any] = {}
    precompute: list[str] = []
    validate_: ValidateTable | None = Field(default=None, alias="validate")

    @model_validator(mode="before")
    @classmethod
    def _single_step(cls, table: Any) -> Any:
        if isinstance(table, dict) and "train" in table and "steps" not in table:
            table = dict(table)
            table["steps"] = {"step": {key: table.pop(key) for key in StepTable.model_fields if key in table}}
        return table


class PaperTable(BaseModel):
    """A paper's figures by the names of semreg's, and their data: a data set's name, or that of files."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float]

    data: str

    def figures(self, data: DataTable) -> dict[str, float]:
        """Return the figures that may be compared with figures on these data: all, or none."""
        names = {data.use, PurePath(str(data.options.get("path", ""))).stem}
        return dict(self.__pydantic_extra__) if self.data in names else {}


class EvaluationTable(_Component):
    """`use = "evaluation(tensors)"`, its options, the recipe of an independent judge, the options in which its data
    differ from the run's, and a paper's figures."""

    judge: str | None = None
    judge_data: dict[str, Any] = {}
    paper: PaperTable | None = None


def other_images(judge_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `judge_data` that may give a judge other images, or another split, than the
    run's; or nothing."""
    return {key: value for key, value in judge_data.items() if key not in (*BATCH_KEYS, "range")}


class ComparisonTable(_Component):
    """`use = "comparison(tensor)"` and its options; `across` compares the runs of all rows of a table, not of each."""

    across: bool = False


class WatchTable(_Keys):
    """Pictures of tensors that a run stores during training: after every so many epochs, of the same few images."""

    tensors: Annotated[list[str], MinLen(1), MaxLen(MOST_WATCHED)]
    every: Positive = 5
    images: Annotated[int, Gt(0), Le(MOST_WATCHED)] = 8


class RecipeTables(_Keys):
    """A whole recipe."""

    description: str = ""
    paper: str = ""
    requires: list[str] = []
    each: dict[str, list[str] | str] = {}
    seed: Seed = 0
    data: DataTable
    model: ModelTable | None = None
    modules: Annotated[dict[str, ModuleTable], MinLen(1), MaxLen(MOST_MODULES)]
    tensors: dict[str, str | ComponentTable] = {}
    losses: Annotated[dict[str, ComponentTable], MinLen(1)]
    optimizer: dict[str, Any] = {}
    phases: Annotated[dict[str, PhaseTable], MinLen(1)]
    order: Annotated[list[str], MinLen(1)] | None = None
    evaluate: dict[str, EvaluationTable] = {}
    compare: dict[str, ComparisonTable] = {}
    watch: WatchTable | None = None


def default_use(where: tuple[str, ...]) -> str | None:
    """Return the default component of a table at a place of a recipe: a changing weight has one."""
    default: str = CourseTable.model_fields["use"].default
    return default if _model_of(where) is CourseTable else None


def reserved_keys(where: tuple[str, ...]) -> frozenset[str]:
    """Return the keys of the table at a place of a recipe that are not options of its component.

    They stay when the table uses another component, except a paper's figures. `where` are the keys to the table,
    perhaps those of a fallback.
    """
    model = _model_of(where)
    return frozenset(model.model_fields.keys() - {"use", "paper"}) if model else frozenset()


def _model_of(where: tuple[str, ...]) -> type[BaseModel] | None:
    """Return the model of a table at a place of a recipe, if it uses a component and has keys of its own."""
    match where[1:] if where[:1] == ("fallback",) else where:
        case ("data",):
            return DataTable
        case ("modules", _):
            return ModuleTable
        case ("optimizer",) | ("phases" | "modules", _, "optimizer"):
            return OptimizerTable
        case ("evaluate" | "compare" as place, _):
            return EvaluationTable if place == "evaluate" else ComparisonTable
        case ("phases", _, "train", _, _) | ("phases", _, "steps", _, "train", _, _):
            return CourseTable
    return None


def parse_tables(table: Mapping[str, Any], source: str) -> RecipeTables:
    """Return the recipe in `table`. Raises UserError with every key that is unknown, missing, or of a wrong type or
    range."""
    try:
        return RecipeTables.model_validate(dict(table))
    except ValidationError as error:
        raise UserError(source, problems_of(error)) from None


def problems_of(error: ValidationError, prefix: str = "") -> list[Problem]:
    """Translate pydantic's errors: the dotted key, the value found, the values that fit."""
    problems = []
    for finding in error.errors(include_url=False)[: 4 * MOST_PROBLEMS]:  # a union has several errors about a key
        location = keys_of(finding)
        message = _message(finding, location)
        if location[:1] == ["phases"] and location[2:4] == ["steps", "step"]:
            del location[2:4]  # a single step's `train` is in the phase itself
        problem = Problem(prefix + ".".join(location), message)
        if problem not in problems:
            problems.append(problem)
    by_key: dict[str, Problem] = {}
    for problem in problems:  # the first of a union's several errors about one key
        by_key.setdefault(problem.where, problem)
    return list(by_key.values())[:MOST_PROBLEMS]


def _message(finding: Any, location: list[str]) -> str:
    kind = finding["type"]
    if kind == "extra_forbidden":
        return f"unknown key {location[-1]!r}{closest(location[-1], _known_keys(location))}"
    if kind == "missing":
        needed = "'train' or 'steps'" if location[-1] == "steps" else repr(location[-1])
        return f"missing: {needed} is needed here"
    return wording(finding)


def _known_keys(location: list[str]) -> list[str]:
    by_parent: dict[str, type[BaseModel]] = {
        "data": DataTable,
        "split": SplitTable,
        "validation": ValidationTable,
        "model": ModelTable,
        "validate": ValidateTable,
        "clip": ClipTable,
        "watch": WatchTable,
    }
    if len(location) == 1:
        model: type[BaseModel] = RecipeTables
    elif len(location) == 3 and location[0] == "phases":
        return [*(f.alias or name for name, f in PhaseTable.model_fields.items()), *StepTable.model_fields]
    elif "steps" in location:
        model = StepTable
    else:
        model = (
            PhaseDataTable
            if location[:1] == ["phases"] and location[-2] == "data"
            else by_parent.get(location[-2], RecipeTables)
        )
    return [field.alias or name for name, field in model.model_fields.items()]
