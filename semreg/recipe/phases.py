"""The phases of a recipe: which losses train which modules, in which batches, with which optimisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from semreg.core import AttributesField, ClassField, Problem, closest
from semreg.core.registry import components
from semreg.recipe.graph import Graph
from semreg.recipe.plan import (
    SINGLE_STEP,
    Course,
    Node,
    OptimizerPlan,
    ParameterGroup,
    PhasePlan,
    Read,
    StepPlan,
    Value,
    Weight,
    reads_in,
    uses,
)
from semreg.recipe.resolve import Building, Resolver, survey
from semreg.recipe.routing import share_backwards
from semreg.recipe.schedules import schedule_problems
from semreg.recipe.schema import (
    ClipTable,
    ComponentTable,
    CourseTable,
    OptimizerTable,
    PhaseTable,
    RecipeTables,
    StepTable,
    problems_of,
    reserved_keys,
)

FILLED_IN_SAMPLERS = ("count", "batch_size", "shards")


def build_phases(resolver: Resolver, graph: Graph, tables: RecipeTables) -> Building[tuple[PhasePlan, ...]]:
    """Build the phases of a recipe in their order, as far as possible."""
    order = tables.order if tables.order is not None else list(tables.phases)
    for name in order:
        if name not in tables.phases:
            yield Problem("order", f"there is no phase {name!r}{closest(name, tables.phases)}")
    if len(set(order)) < len(order):
        yield Problem("order", "a phase occurs twice")
    phases = []
    for name in order:
        if name in tables.phases:
            phases.append((yield from _Phase(resolver, graph, tables, name, tables.phases[name]).build()))
    return tuple(phases)


@dataclass(frozen=True)
class _Phase:
    """The parts that one phase is built from."""

    resolver: Resolver
    graph: Graph
    tables: RecipeTables
    name: str
    table: PhaseTable

    @property
    def where(self) -> str:
        return f"phases.{self.name}"

    def build(self) -> Building[PhasePlan]:
        table, where = self.table, self.where
        steps, wrong = {}, False
        for name, step in table.steps.items():
            for problem in self.check_rows(name, step):
                wrong = True
                yield problem
            rows = yield from self.rows(name, step)
            if rows and all(loss in self.graph.losses for row in rows.values() for loss in row):
                steps[name] = rows
        named = dict.fromkeys(module for rows in steps.values() for module in rows)
        trained = [module for module in named if module in self.graph.modules]
        if not trained and not wrong:
            yield Problem(where, "trains nothing: every weight is 0 or no row names a module")
        yield from self.check_precompute(trained)
        for loss in table.validate_.losses if table.validate_ else ():
            if loss not in self.graph.losses:
                yield Problem(f"{where}.validate.loss", f"there is no loss {loss!r}{closest(loss, self.graph.losses)}")
        own = table.data.sampler
        place = f"{where}.data.sampler" if own else "data.sampler"
        sampler = yield from self.sampler(own or self.tables.data.sampler, place)
        if table.data.unlabelled:
            yield from self.check_unlabelled(sampler)
        optimizers = {}
        for module in trained:
            optimizer = yield from self.optimizer(module)
            if optimizer is not None:
                optimizers[module] = optimizer
        alone = {module for module, optimizer in optimizers.items() if optimizer.needs_closure}
        plans = [
            StepPlan(
                name, table.steps[name].repeat, table.steps[name].accumulate, rows,
                share_backwards(rows, self.reaches(), alone),
            )
            for name, rows in steps.items()
        ]  # fmt: skip
        return PhasePlan(
            self.name, table.epochs, table.data.batch_size or self.tables.data.batch_size, sampler,
            tuple(plans), optimizers, tuple(table.precompute), table.validate_, table.data.unlabelled,
        )  # fmt: skip

    def rows(self, name: str, step: StepTable) -> Building[dict[str, dict[str, Weight]]]:
        """Build the weights of a step, without those that are 0."""
        rows: dict[str, dict[str, Weight]] = {}
        for module, row in step.train.items():
            weighted: dict[str, Weight] = {}
            for loss, weight in row.items():
                made: Weight | None = weight if isinstance(weight, float) else None
                if isinstance(weight, CourseTable) and weight.weight:
                    made = yield from self.course(weight, f"{self.train(name)}.{module}.{loss}")
                if made:
                    weighted[loss] = made
            if weighted:
                rows[module] = weighted
        return rows

    def course(self, table: CourseTable, where: str) -> Building[Weight]:
        """Build a weight that changes; a constant one if its schedule has an error."""
        if "use" not in table.model_fields_set and "warmup" not in table.options:
            known = ", ".join(component.name for component in components("schedule"))
            yield Problem(where, f"a weight that changes needs `warmup`, in epochs, or `use`, a schedule: {known}")
            return table.weight
        schedule = yield from self.schedule(table, where)
        if schedule is None:
            return table.weight
        return Course(table.weight, {"weight": table.weight, "use": table.use, **table.options}, schedule)

    def train(self, step: str) -> str:
        """Return the key of a step's rows."""
        single = SINGLE_STEP in self.table.steps and len(self.table.steps) == 1
        return f"{self.where}.train" if single else f"{self.where}.steps.{step}.train"

    def losses(self) -> list[str]:
        """Return the existing losses that any row names."""
        named = {loss for step in self.table.steps.values() for row in step.train.values() for loss in row}
        return [name for name in self.graph.losses if name in named]

    def reaches(self) -> dict[str, frozenset[str]]:
        """Return, for each loss of the phase, the modules that its gradient reaches."""
        leaves = frozenset(self.table.precompute)
        return {name: self.graph.reach(self.graph.losses[name], leaves) for name in self.losses()}

    def check_rows(self, name: str, step: StepTable) -> Iterator[Problem]:
        """Yield modules and losses that don't exist, and pairs of them without a path for a gradient."""
        reaches = self.reaches()
        for module, row in step.train.items():
            where = f"{self.train(name)}.{module}"
            if module not in self.graph.modules:
                yield Problem(where, f"there is no module {module!r}{closest(module, self.graph.modules)}")
                continue
            for loss in row:
                if loss not in self.graph.losses:
                    near = closest(loss, self.graph.losses)
                    yield Problem(f"{where}.{loss}", f"there is no loss {loss!r}{near}")
                elif module not in reaches[loss]:
                    those = ", ".join(sorted(reaches[loss])) or "no module at all"
                    message = f"the gradient of {loss!r} does not reach {module!r}; it reaches {those}"
                    yield Problem(f"{where}.{loss}", message)

    def check_unlabelled(self, sampler: Node | None) -> Iterator[Problem]:
        """Yield the readers of a label that the images of the phase do not have."""
        unlabelled, fields = self.tables.data.split.unlabelled, self.resolver.fields
        if unlabelled is None:
            message = "no image is without labels: data.split.unlabelled is not set"
            yield Problem(f"{self.where}.data.unlabelled", message)
            return
        if isinstance(unlabelled, dict):
            lacking = set(unlabelled)
        else:
            lacking = {name for name, field in fields.items() if isinstance(field, ClassField | AttributesField)}
        readers: dict[str, Value] = {repr(name): Read(name) for name in self.table.precompute}
        for name in sorted(self.losses()):
            readers[f"the loss {name!r}"] = self.graph.losses[name]
        if sampler is not None:
            readers["the sampler"] = sampler
        for reader, value in readers.items():
            for label in sorted(uses([value], self.graph.tensors).read & lacking):
                message = f"{reader} reads {label!r}, and the unlabelled images of this phase have none"
                yield Problem(self.where, message)

    def check_precompute(self, trained: Sequence[str]) -> Iterator[Problem]:
        where, tensors = f"{self.where}.precompute", self.graph.tensors
        for name in self.table.precompute:
            if name not in tensors:
                yield Problem(where, f"there is no tensor {name!r}{closest(name, tensors)}")
                continue
            found = uses([tensors[name]], tensors)
            moving = sorted((found.read | found.modules) & set(trained))
            random = sorted({call.name for call in found.calls if call.component and call.component.random})
            if moving:
                yield Problem(where, f"{name!r} reads {moving[0]!r}, which this phase trains")
            if random:
                message = f"{name!r} is random (it calls {random[0]}); each batch needs a draw of its own"
                yield Problem(where, message)

    def optimizer(self, module: str) -> Building[OptimizerPlan | None]:
        """Build the optimiser from top-level `[optimizer]`, the phase's, and the module's own: later keys win."""
        layers = {
            "optimizer": self.tables.optimizer,
            f"{self.where}.optimizer": self.table.optimizer,
            f"modules.{module}.optimizer": self.tables.modules[module].optimizer,
        }
        merged: dict[str, Any] = {}
        places: dict[str, str] = {}
        for place, layer in layers.items():
            if layer.get("use", merged.get("use")) != merged.get("use"):
                merged = {key: value for key, value in merged.items() if key in reserved_keys(("optimizer",))}
            merged |= layer
            places |= dict.fromkeys(layer, place)
        where = f"{self.where}.optimizer of {module}"
        building = self.merged_optimizer(merged, where)
        while True:
            try:
                problem = next(building)
            except StopIteration as end:
                plan: OptimizerPlan | None = end.value
                return plan
            yield _at_its_layer(problem, where, places)

    def merged_optimizer(self, merged: Mapping[str, Any], where: str) -> Building[OptimizerPlan | None]:
        try:
            table = OptimizerTable.model_validate(merged)
        except ValidationError as error:
            yield from problems_of(error, where + ".")
            return None
        node = yield from self.resolver.node(table.use, ("optimizer",), table.options, where, filled=1)
        if node is None:
            return None
        groups = []
        for index, group in enumerate(table.groups):
            options = yield from self.resolver.options(group.options, where)
            written = {**table.options, **group.options}
            own = replace(node, options={**node.options, **options}, where=f"{where}.groups.{index}")
            yield from self.resolver.check_options(own, written, 1)
            schedule = yield from self.schedule(group.schedule or table.schedule, f"{where}.schedule")
            groups.append(ParameterGroup(group.parameters, options, schedule, group.options))
        schedule = yield from self.schedule(table.schedule, f"{where}.schedule")
        clip = ClipTable(norm=table.clip) if isinstance(table.clip, float) else table.clip
        return OptimizerPlan(node, schedule, tuple(groups), clip)

    def schedule(self, table: ComponentTable | CourseTable | None, where: str) -> Building[Node | None]:
        """Build a schedule of a rate or a weight and check its factors over the whole phase."""
        if table is None:
            return None
        node, problems = survey(self.resolver.node(table.use, ("schedule",), table.options, where, filled=2))
        if node is not None and not problems:
            problems += schedule_problems(node, self.table.epochs)
        yield from problems
        return node

    def sampler(self, table: ComponentTable | None, where: str) -> Building[Node | None]:
        if table is None:
            return None
        node = yield from self.resolver.call(table.use, "sampler", table.options, where, ignore=FILLED_IN_SAMPLERS)
        fields = self.resolver.fields
        for name in reads_in(node) if node is not None else ():
            if name not in fields:
                message = f"a sampler reads fields of the data, and {name!r} is none{closest(name, fields)}"
                yield Problem(where, message)
        return node


def _at_its_layer(problem: Problem, where: str, places: Mapping[str, str]) -> Problem:
    """Return an error of a merged optimiser at the table that has the key; that table may hold for all modules."""
    inside = problem.where.removeprefix(where).lstrip(".")
    place = places.get(inside.partition(".")[0] or "use", where)
    return Problem(f"{place}.{inside}" if inside else place, problem.message)
