"""A checked recipe: every name is resolved, every option checked, every backward pass planned."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from semreg.core import DataMissing, Dataset, Problem, Roles, Specification
from semreg.core.options import Signature
from semreg.core.registry import Component
from semreg.recipe.bounds import TomlTable
from semreg.recipe.load import Recipe
from semreg.recipe.routing import Backward
from semreg.recipe.schema import ClipTable, DataTable, RecipeTables, ValidateTable

SINGLE_STEP = "step"
"""The name of the step in a phase with its own `train`."""


@dataclass(frozen=True)
class Loaded(Component):
    """A component and the function or class that the registry loaded for it, with its signature."""

    value: Callable[..., Any]
    signature: Signature

    @property
    def random(self) -> bool:
        """Whether it draws from a generator."""
        return "generator" in self.signature.parameters

    @property
    def follows_progress(self) -> bool:
        """Whether it receives the progress of the phase."""
        return "progress" in self.signature.parameters


@dataclass(frozen=True)
class Read:
    """A name that an expression reads: a tensor, a field of the data, or a module."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Node:
    """One resolved call of a component, or of a module of the recipe, with its options and inputs from the recipe.

    A network under `[modules]`, an optimiser, a schedule and a data set are calls without inputs. `name` is the called
    name, `component` is None for a module, and `where` is the recipe's key.
    """

    name: str
    component: Loaded | None
    options: Mapping[str, Any]
    inputs: tuple[Node | Read, ...]
    where: str
    written: Mapping[str, Any] = field(default_factory=dict)
    """The options as the recipe has them, before `@` references were replaced."""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.inputs))})"

    @property
    def loaded(self) -> Loaded:
        """The component. Raises LookupError if the call is of a module."""
        if self.component is None:
            raise LookupError(f"{self.where}: {self.name} is a module of the recipe")
        return self.component


Value = Node | Read
"""A tensor of a recipe: a call or a read name."""


@dataclass(frozen=True)
class Course:
    """A weight that changes over a phase: `weight` times the factor of a schedule."""

    weight: float
    written: Mapping[str, Any]
    """As the recipe has it: `weight`, `use` and the schedule's options."""
    schedule: Node = field(compare=False)


Weight = float | Course


@dataclass(frozen=True)
class ModulePlan:
    """A module: how it is made and averaged (`ema`), the source of its weights (`weights`, "RUN:module"), and its
    precision if that differs from the run's."""

    name: str
    node: Node
    ema: float | None
    weights: str | None
    precision: str | None = None


class ParameterGroup(NamedTuple):
    """Parameters of a module, selected by a pattern of their names, with their own optimiser options and schedule."""

    pattern: str
    options: Mapping[str, Any]
    schedule: Node | None
    written: Mapping[str, Any]
    """The options as the recipe has them."""


@dataclass(frozen=True)
class OptimizerPlan:
    """The optimiser of one module in one phase."""

    node: Node
    schedule: Node | None
    groups: tuple[ParameterGroup, ...]
    clip: ClipTable | None

    @property
    def needs_closure(self) -> bool:
        """Whether its steps compute losses and gradients again, as those of L-BFGS do."""
        step = getattr(self.node.loaded.value, "step", None)
        closure = inspect.signature(step).parameters.get("closure") if callable(step) else None
        return closure is not None and closure.default is inspect.Parameter.empty


@dataclass(frozen=True)
class StepPlan:
    """One step of a phase: `rows` is its part of the matrix, `backwards` the passes that compute it.

    Each iteration runs the step `repeat` times. Each time it draws `accumulate` batches and averages their gradients.
    """

    name: str
    repeat: int
    accumulate: int
    rows: Mapping[str, Mapping[str, Weight]]
    backwards: tuple[Backward, ...]

    @property
    def losses(self) -> list[str]:
        return list(dict.fromkeys(loss for row in self.rows.values() for loss in row))

    @property
    def matrix(self) -> dict[str, dict[str, float | TomlTable]]:
        """module → {loss: weight}, as the recipe has them."""
        return {
            module: {loss: dict(one.written) if isinstance(one, Course) else one for loss, one in row.items()}
            for module, row in self.rows.items()
        }

    def courses(self) -> Iterator[Course]:
        """The weights that change."""
        yield from (weight for row in self.rows.values() for weight in row.values() if isinstance(weight, Course))


@dataclass(frozen=True)
class PhasePlan:
    """One phase with everything resolved that it overrides."""

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
        """The split of the data that it trains on."""
        return "unlabelled" if self.unlabelled else "train"

    @property
    def trained(self) -> tuple[str, ...]:
        return tuple(self.optimizers)

    @property
    def images(self) -> int:
        """The most images that a step takes at once in an iteration."""
        return self.batch_size * max((step.accumulate for step in self.steps), default=1)

    def key_of(self, step: StepPlan) -> str:
        """Return the recipe's key of a step; a single step is in the phase's own table."""
        single = step.name == SINGLE_STEP and len(self.steps) == 1
        return f"phases.{self.name}" if single else f"phases.{self.name}.steps.{step.name}"

    def reads(self, loss: str) -> bool:
        """Return whether a loss trains a module in this phase, or is validated."""
        return any(loss in step.losses for step in self.steps) or bool(self.validate and loss in self.validate.losses)

    def nodes(self) -> Iterator[Node]:
        """Yield the sampler, the optimisers, and the schedules of rates and weights."""
        if self.sampler is not None:
            yield self.sampler
        for step in self.steps:
            yield from (course.schedule for course in step.courses())
        for optimizer in self.optimizers.values():
            yield optimizer.node
            schedules = [optimizer.schedule, *(group.schedule for group in optimizer.groups)]
            yield from (schedule for schedule in schedules if schedule is not None)


@dataclass(frozen=True)
class EvaluationPlan:
    """An evaluation and, if it needs one, its judge's recipe; `judge_data` override the run's data for the judge.

    `paper` are a paper's figures on the data of the run.
    """

    name: str
    node: Node
    judge: Path | None
    judge_data: Mapping[str, Any]
    paper: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparisonPlan:
    """A comparison of a tensor among the runs of each row of a table, or `across` the rows among all runs."""

    name: str
    node: Node
    across: bool


@dataclass
class Plan:
    """The result of `check`, and the input of everything that follows."""

    recipe: Recipe
    table: TomlTable
    tables: RecipeTables
    fallback: bool
    data: DataTable
    dataset: Dataset | None
    dataset_node: Node | None
    fields: Specification
    missing: DataMissing | None
    modules: dict[str, ModulePlan]
    tensors: dict[str, Value]
    losses: dict[str, Node]
    roles: Roles
    phases: tuple[PhasePlan, ...]
    evaluations: dict[str, EvaluationPlan]
    comparisons: dict[str, ComparisonPlan] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    lacking: tuple[Problem, ...] = ()
    """For a trained run: missing parts, such as a plugin's loss, that only some uses need."""

    @property
    def name(self) -> str:
        return self.recipe.path.stem

    @property
    def validates(self) -> bool:
        """Whether a phase validates; a validation split is then cut if the data have none."""
        return any(phase.validate for phase in self.phases)

    def distributions(self) -> dict[str, str]:
        """Return the distributions whose components this plan uses, with their versions."""
        return {component.distribution: component.version for component in self.components()}

    def components(self) -> list[Loaded]:
        """Return the components that this plan uses."""
        return [node.component for node in self.nodes() if node.component is not None]

    def nodes(self) -> Iterator[Node]:
        """Yield every call of the plan, including inner ones."""
        if self.dataset_node is not None:
            yield self.dataset_node
        for module in self.modules.values():
            yield module.node
        for value in [*self.tensors.values(), *self.losses.values()]:
            yield from calls_in(value)
        for phase in self.phases:
            yield from phase.nodes()
        yield from self.measuring()

    def measuring(self) -> Iterator[Node]:
        """Yield the calls of evaluations and comparisons."""
        yield from (one.node for one in self.evaluations.values())
        yield from (one.node for one in self.comparisons.values())

    def trained_part(self) -> Plan:
        """Return the plan without the modules, tensors and losses that no phase reads and that don't affect the
        training."""
        losses = {loss for loss in self.losses if any(phase.reads(loss) for phase in self.phases)}
        values: list[Value] = [Read(module) for phase in self.phases for module in phase.trained]
        for phase in self.phases:
            values += [Read(name) for name in phase.precompute] + ([phase.sampler] if phase.sampler else [])
        while True:
            found = uses([*values, *(self.losses[loss] for loss in losses)], self.tensors)
            needed = found.read | found.modules
            part = replace(
                self,
                modules={name: module for name, module in self.modules.items() if name in needed},
                tensors={name: value for name, value in self.tensors.items() if name in needed},
                losses={name: node for name, node in self.losses.items() if name in losses},
                roles=Roles(),
                evaluations={},
                comparisons={},
            )
            # A module that no step calls directly has the shapes of the recipe's first call of it.
            uncalled = [name for name in part.modules if not any(part.calls_of(name)) and any(self.calls_of(name))]
            if not uncalled:
                return part
            (place, name), _ = next(self._calls(uncalled[0]))
            losses |= {name} if place == "losses" else set()
            values += [Read(name)] if place == "tensors" else []

    def matrix(self) -> dict[str, dict[str, dict[str, dict[str, float | TomlTable]]]]:
        """Return phases → steps → module → {loss: weight}."""
        return {phase.name: {step.name: step.matrix for step in phase.steps} for phase in self.phases}

    def calls_of(self, module: str) -> Iterator[Node]:
        """Yield every call of a module in the tensors and losses, in the recipe's order."""
        for _, call in self._calls(module):
            yield call

    def _calls(self, module: str) -> Iterator[tuple[tuple[str, str], Node]]:
        """Yield every call of a module, with the tensor or loss that has it."""
        values = [(("tensors", name), value) for name, value in self.tensors.items()]
        values += [(("losses", name), node) for name, node in self.losses.items()]
        for place, value in values:
            for call in calls_in(value):
                if call.component is None and call.name == module:
                    yield place, call

    @property
    def value_range(self) -> tuple[float, float]:
        """The range of the images in a batch."""
        low, high = self.data.range
        return low, high

    def fields_of(self, values: Iterable[Value], leaves: frozenset[str] = frozenset()) -> set[str]:
        """Return the fields of the data that values depend on, if the tensors `leaves` are already computed."""
        return (uses(values, self.tensors, leaves).read & self.fields.keys()) - leaves

    def labels_read(self) -> set[str]:
        """Return the fields of the data that tensors, losses, evaluations or comparisons depend on."""
        values = [*self.tensors.values(), *self.losses.values(), *self.measuring()]
        return self.fields_of(values)

    def modules_of(self, *values: Value) -> list[str]:
        """Return the modules that values read or call, through tensors, in the recipe's order."""
        found = uses(values, self.tensors)
        return [name for name in self.modules if name in found.read | found.modules]


class Uses(NamedTuple):
    """The dependencies of values: the names that they read, the modules that they call, and all their calls."""

    read: set[str]
    modules: set[str]
    calls: list[Node]


def uses(values: Iterable[Value], tensors: Mapping[str, Value], leaves: frozenset[str] = frozenset()) -> Uses:
    """Return the dependencies of values, through all tensors except `leaves`."""
    found = Uses(set(), set(), [])
    pending = list(values)
    while pending:
        value = pending.pop()
        new = set(reads_in(value)) - found.read
        found.read.update(new)
        for call in calls_in(value):
            found.calls.append(call)
            if call.component is None:
                found.modules.add(call.name)
        pending += [tensors[name] for name in new - leaves if name in tensors]
    return found


def reads_in(value: Value) -> Iterator[str]:
    """Yield every name that a value itself reads, in order, repetitions included."""
    if isinstance(value, Read):
        yield value.name
    else:
        for part in value.inputs:
            yield from reads_in(part)


def calls_in(value: Value) -> Iterator[Node]:
    """Yield every call in a value, inner ones first."""
    if isinstance(value, Node):
        for part in value.inputs:
            yield from calls_in(part)
        yield value
