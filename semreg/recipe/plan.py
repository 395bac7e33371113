"""A recipe that has been understood: every name resolved, every option checked, every backward pass planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semreg.core import DataMissing, Dataset, Specification
from semreg.core.registry import Component
from semreg.recipe.expression import Call, Expression, calls, names
from semreg.recipe.load import Recipe, Table
from semreg.recipe.options import Signature
from semreg.recipe.routing import Backward
from semreg.recipe.schema import DataTable, RecipeTables, ValidateTable


@dataclass(frozen=True)
class Part:
    """A component as a recipe uses it: what the registry loaded, and the options that the recipe gives it."""

    component: Component
    value: Callable[..., Any]
    signature: Signature
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """A named expression: a tensor, a loss or an evaluation. `options` belong to its outermost call."""

    name: str
    expression: Expression
    options: Mapping[str, Any]
    where: str

    @property
    def component(self) -> str:
        """The name that the outermost call calls."""
        return self.expression.function if isinstance(self.expression, Call) else self.expression.name


@dataclass(frozen=True)
class ModulePlan:
    """A module, how it is made, averaged (`ema`) and where its weights come from (`weights`, "RUN:module")."""

    name: str
    part: Part
    ema: float | None
    weights: str | None


@dataclass(frozen=True)
class OptimizerPlan:
    """The optimiser of one module in one phase; `groups` are (name pattern, options, schedule)."""

    part: Part
    schedule: Part | None
    groups: tuple[tuple[str, Mapping[str, Any], Part | None], ...]
    clip: float | None


@dataclass(frozen=True)
class StepPlan:
    """One step of a phase: `rows` is its part of the matrix, `backwards` how it is computed."""

    name: str
    repeat: int
    rows: Mapping[str, Mapping[str, float]]
    backwards: tuple[Backward, ...]

    @property
    def losses(self) -> list[str]:
        return list(dict.fromkeys(loss for row in self.rows.values() for loss in row))


@dataclass(frozen=True)
class PhasePlan:
    """One phase with all that it overrides resolved."""

    name: str
    epochs: int
    batch_size: int
    sampler: Node | None
    steps: tuple[StepPlan, ...]
    optimizers: Mapping[str, OptimizerPlan]
    precompute: tuple[str, ...]
    validate: ValidateTable | None
    unlabelled: bool

    @property
    def split(self) -> str:
        """The split of the data whose rows it trains on."""
        return "unlabelled" if self.unlabelled else "train"

    @property
    def trained(self) -> tuple[str, ...]:
        return tuple(self.optimizers)


@dataclass(frozen=True)
class EvaluationPlan:
    """An evaluation and, where it wants one, the recipe of its judge; `judge_data` goes over the run's data there."""

    node: Node
    part: Part
    judge: Path | None
    judge_data: Mapping[str, Any]


@dataclass
class Plan:
    """What `check` makes of a recipe and everything that follows works from."""

    recipe: Recipe
    table: Table
    tables: RecipeTables
    fallback: bool
    data: DataTable
    dataset: Dataset
    dataset_component: Component
    fields: Specification
    missing: DataMissing | None
    modules: dict[str, ModulePlan]
    tensors: dict[str, Node]
    losses: dict[str, Node]
    callables: dict[str, Part]
    phases: tuple[PhasePlan, ...]
    evaluations: dict[str, EvaluationPlan]
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.recipe.path.stem

    def distributions(self) -> dict[str, str]:
        """The distributions whose components this plan uses, with their versions."""
        return {component.distribution: component.version for component in self.components()}

    def components(self) -> list[Component]:
        """The components that this plan uses."""
        optimizers = [optimizer for phase in self.phases for optimizer in phase.optimizers.values()]
        schedules = [schedule for o in optimizers for schedule in (o.schedule, *(group[2] for group in o.groups))]
        parts = [
            *self.callables.values(),
            *(o.part for o in optimizers),
            *(schedule for schedule in schedules if schedule is not None),
            *(m.part for m in self.modules.values()),
            *(e.part for e in self.evaluations.values()),
        ]
        return [*(part.component for part in parts), self.dataset_component]

    def matrix(self) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
        """phases → steps → module → {loss: weight}."""
        return {
            phase.name: {step.name: {module: dict(row) for module, row in step.rows.items()} for step in phase.steps}
            for phase in self.phases
        }

    def calls_of(self, module: str) -> Iterator[Call]:
        """Every call of a module in the tensors and losses, in the recipe's order."""
        for node in [*self.tensors.values(), *self.losses.values()]:
            for call in calls(node.expression):
                if call.function == module:
                    yield call

    @property
    def value_range(self) -> tuple[float, float]:
        """The range of the images in a batch."""
        low, high = self.data.range
        return low, high

    def fields_of(self, expressions: Sequence[Expression], leaves: frozenset[str] = frozenset()) -> set[str]:
        """The fields of the data that the expressions read, through tensors, where `leaves` are known already."""
        read, _ = read_and_called(expressions, self.tensors, leaves)
        return (read & self.fields.keys()) - leaves

    def reads(self, expression: Expression) -> set[str]:
        """Every name that the expression reads or calls, through tensors, itself included."""
        return set().union(*read_and_called([expression], self.tensors))


def read_and_called(
    expressions: Iterable[Expression], tensors: Mapping[str, Node], leaves: frozenset[str] = frozenset()
) -> tuple[set[str], set[str]]:
    """Every name that the expressions read, and every one that they call, through the tensors that are no `leaves`.

    The two are kept apart because a tensor may have the name of a component.
    """
    read: set[str] = set()
    called: set[str] = set()
    pending = list(expressions)
    while pending:
        expression = pending.pop()
        new = set(names(expression)) - read
        read |= new
        called.update(call.function for call in calls(expression))
        pending += [tensors[name].expression for name in new - leaves if name in tensors]
    return read, called
