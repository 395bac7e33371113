"""The phases of a recipe: who trains whom, in which batches, by which optimisers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from semreg.core import AttributesField, ClassField, Problem, closest
from semreg.recipe.expression import Call, Expression, Name, names
from semreg.recipe.graph import Graph
from semreg.recipe.load import OPTIMIZER_KEYS
from semreg.recipe.options import check_inputs, required_inputs
from semreg.recipe.plan import Node, OptimizerPlan, Part, PhasePlan, StepPlan, read_and_called
from semreg.recipe.resolve import Parts
from semreg.recipe.routing import share_backwards
from semreg.recipe.schema import ComponentTable, OptimizerTable, PhaseTable, RecipeTables, problems_of

FILLED_IN_SAMPLERS = ("count", "batch_size")


class Phases:
    """Plans of the phases; mistakes go to `parts`."""

    def __init__(self, parts: Parts, graph: Graph, tables: RecipeTables) -> None:
        self.parts, self.graph, self.tables = parts, graph, tables

    def plans(self) -> tuple[PhasePlan, ...]:
        order = self.tables.order if self.tables.order is not None else list(self.tables.phases)
        for name in order:
            if name not in self.tables.phases:
                self.parts.wrong("order", f"there is no phase {name!r}{closest(name, self.tables.phases)}")
        if len(set(order)) < len(order):
            self.parts.wrong("order", "a phase stands there twice")
        return tuple(self.phase(name, self.tables.phases[name]) for name in order if name in self.tables.phases)

    def phase(self, name: str, table: PhaseTable) -> PhasePlan:
        where = f"phases.{name}"
        leaves = frozenset(table.precompute)
        read = {loss for step in table.steps.values() for row in step.train.values() for loss in row}
        reaches = {
            loss: self.graph.reach(node.expression, leaves) for loss, node in self.graph.losses.items() if loss in read
        }
        steps, told = [], len(self.parts.problems)
        for step_name, step in table.steps.items():
            rows: dict[str, dict[str, float]] = {}
            single = "step" in table.steps and len(table.steps) == 1
            place = f"{where}.train" if single else f"{where}.steps.{step_name}.train"
            for module, row in step.train.items():
                self.check_row(module, row, reaches, f"{place}.{module}")
                weighted = {loss: float(weight) for loss, weight in row.items() if weight != 0}
                if weighted:
                    rows[module] = weighted
            if rows and all(loss in self.graph.losses for row in rows.values() for loss in row):
                steps.append(StepPlan(step_name, step.repeat, rows, share_backwards(rows, reaches)))
        trained = list(dict.fromkeys(module for step in steps for module in step.rows if module in self.graph.modules))
        if not trained and len(self.parts.problems) == told:
            self.parts.wrong(where, "trains nothing: every weight is 0 or no row names a module")
        self.check_precompute(table.precompute, trained, where)
        if table.validate_ and table.validate_.loss not in self.graph.losses:
            loss = table.validate_.loss
            self.parts.wrong(f"{where}.validate.loss", f"there is no loss {loss!r}{closest(loss, self.graph.losses)}")
        own = table.data.sampler
        sampler = self.sampler(own or self.tables.data.sampler, f"{where}.data.sampler" if own else "data.sampler")
        if table.data.unlabelled:
            self.check_unlabelled(table, sorted(read), sampler, where)
        optimizers = {module: plan for module in trained if (plan := self.optimizer(module, table, where)) is not None}
        return PhasePlan(
            name, table.epochs, table.data.batch_size or self.tables.data.batch_size, sampler,
            tuple(steps), optimizers, tuple(table.precompute), table.validate_, table.data.unlabelled,
        )  # fmt: skip

    def check_row(
        self, module: str, row: Mapping[str, float], reaches: Mapping[str, frozenset[str]], where: str
    ) -> None:
        if module not in self.graph.modules:
            return self.parts.wrong(where, f"there is no module {module!r}{closest(module, self.graph.modules)}")
        for loss in row:
            if loss not in self.graph.losses:
                self.parts.wrong(f"{where}.{loss}", f"there is no loss {loss!r}{closest(loss, self.graph.losses)}")
            elif module not in reaches[loss]:
                those = ", ".join(sorted(reaches[loss])) or "no module at all"
                self.parts.wrong(
                    f"{where}.{loss}", f"the gradient of {loss!r} does not reach {module!r}; it reaches {those}"
                )
        return None

    def check_unlabelled(self, table: PhaseTable, losses: Sequence[str], sampler: Node | None, where: str) -> None:
        """Nothing may read a label that the images of the phase do not have."""
        unlabelled = self.tables.data.split.unlabelled
        if unlabelled is None:
            self.parts.wrong(f"{where}.data.unlabelled", "no image is without labels: data.split.unlabelled is not set")
            return
        if isinstance(unlabelled, dict):
            lacking = set(unlabelled)
        else:
            lacking = {name for name, f in self.parts.fields.items() if isinstance(f, ClassField | AttributesField)}
        readers: dict[str, Expression] = {repr(name): Name(name) for name in table.precompute}
        for name in losses:
            if name in self.graph.losses:
                readers[f"the loss {name!r}"] = self.graph.losses[name].expression
        if sampler is not None:
            readers["the sampler"] = sampler.expression
        for reader, expression in readers.items():
            read, _ = read_and_called([expression], self.graph.tensors)
            for label in sorted(read & lacking):
                self.parts.wrong(where, f"{reader} reads {label!r}, and the unlabelled images of this phase have none")

    def check_precompute(self, precompute: Sequence[str], trained: Sequence[str], where: str) -> None:
        for name in precompute:
            if name not in self.graph.tensors:
                self.parts.wrong(
                    f"{where}.precompute", f"there is no tensor {name!r}{closest(name, self.graph.tensors)}"
                )
                continue
            read, called = read_and_called([self.graph.tensors[name].expression], self.graph.tensors)
            moving = sorted((read | called) & set(trained))
            random = sorted(
                f
                for f in called & self.graph.callables.keys()
                if "generator" in self.graph.callables[f].signature.parameters
            )
            if moving:
                self.parts.wrong(f"{where}.precompute", f"{name!r} reads {moving[0]!r}, which this phase trains")
            if random:
                self.parts.wrong(
                    f"{where}.precompute",
                    f"{name!r} is random (it calls {random[0]}); each batch needs a draw of its own",
                )

    def optimizer(self, module: str, phase: PhaseTable, where: str) -> OptimizerPlan | None:
        """Top-level `[optimizer]`, then the phase's, then the module's own: the later keys win."""
        layers = {
            "optimizer": self.tables.optimizer,
            f"{where}.optimizer": phase.optimizer,
            f"modules.{module}.optimizer": self.tables.modules[module].optimizer,
        }
        merged: dict[str, Any] = {}
        places: dict[str, str] = {}
        for place, layer in layers.items():
            if layer.get("use", merged.get("use")) != merged.get("use"):
                merged = {key: value for key, value in merged.items() if key in OPTIMIZER_KEYS}
            merged |= layer
            places |= dict.fromkeys(layer, place)
        told, where = len(self.parts.problems), f"{where}.optimizer of {module}"
        plan = self.merged_optimizer(merged, where)
        self.parts.problems[told:] = [_at_its_layer(problem, where, places) for problem in self.parts.problems[told:]]
        return plan

    def merged_optimizer(self, merged: Mapping[str, Any], where: str) -> OptimizerPlan | None:
        try:
            optimizer = OptimizerTable.model_validate(merged)
        except ValidationError as error:
            self.parts.tell(problems_of(error, where + "."))
            return None
        part = self.parts.part(optimizer.use, ("optimizer",), optimizer.options, where)
        if part is None:
            return None
        self.parts.check_part(part, 1, where)
        groups = []
        for index, group in enumerate(optimizer.groups):
            own = Part(part.component, part.value, part.signature, self.parts.referenced(group.options, where))
            self.parts.check_part(
                Part(own.component, own.value, own.signature, {**part.options, **own.options}),
                1,
                f"{where}.groups.{index}",
            )
            groups.append((group.parameters, own.options, self.schedule(group.schedule or optimizer.schedule, where)))
        return OptimizerPlan(part, self.schedule(optimizer.schedule, where), tuple(groups), optimizer.clip)

    def schedule(self, table: ComponentTable | None, where: str) -> Part | None:
        if table is None:
            return None
        part = self.parts.part(table.use, ("schedule",), table.options, f"{where}.schedule")
        if part is not None:
            self.parts.check_part(part, 2, f"{where}.schedule")
        return part

    def sampler(self, table: ComponentTable | None, where: str) -> Node | None:
        node = self.parts.component_node("sampler", table, "sampler", where)
        if node is None or not isinstance(node[0].expression, Call):
            return None
        count, part = len(node[0].expression.inputs), node[1]
        self.parts.tell(check_inputs(part.signature, count, where=where, name=part.component.name))
        self.parts.check_part(part, count, where, (*FILLED_IN_SAMPLERS, *required_inputs(part.signature)))
        self.graph.callables[node[0].expression.function] = node[1]
        for name in names(node[0].expression):
            if name not in self.parts.fields:
                self.parts.wrong(
                    where, f"a sampler reads fields of the data, and {name!r} is none{closest(name, self.parts.fields)}"
                )
        return node[0]


def _at_its_layer(problem: Problem, where: str, places: Mapping[str, str]) -> Problem:
    """A mistake of a merged optimiser at the table that the key came from, where it stands once for all modules."""
    inside = problem.where.removeprefix(where).lstrip(".")
    place = places.get(inside.partition(".")[0] or "use", where)
    return Problem(f"{place}.{inside}" if inside else place, problem.message)
