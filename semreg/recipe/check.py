"""`semreg check`: everything that can be known of a recipe without data and without training, all mistakes at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from semreg.data.specification import Specification
from semreg.errors import DataMissing, Problem, UserError, closest
from semreg.kinds import at_place
from semreg.recipe.expression import Call, Expression, Name, calls, names, parse
from semreg.recipe.load import OPTIMIZER_KEYS, Recipe, Table
from semreg.recipe.options import Signature, check_inputs, check_options, signature_of
from semreg.recipe.plan import (
    EvaluationPlan,
    ModulePlan,
    Node,
    OptimizerPlan,
    Part,
    PhasePlan,
    Plan,
    StepPlan,
)
from semreg.recipe.routing import share_backwards
from semreg.recipe.schema import (
    ComponentTable,
    OptimizerTable,
    PhaseTable,
    RecipeTables,
    parse_tables,
    problems_of,
)
from semreg.registry import find, load

FILLED_IN_SAMPLERS = ("count", "batch_size")


def check(recipe: Recipe, *, data_root: str | Path = "data", fallback: bool = False) -> Plan:
    """The plan of a recipe, with its `[fallback]` merged in if asked for.

    `plan.missing` says whether the data set is there. Raises UserError with all the mistakes that were found.
    """
    table = recipe.resolve(fallback=fallback)
    tables = parse_tables(table, str(recipe.path))
    return _Checker(recipe, table, tables, Path(data_root), fallback).plan()


def check_all(recipe: Recipe, *, data_root: str | Path = "data") -> Plan:
    """The plan of a recipe, after both the recipe itself and, if it has one, its fallback have been checked.

    Where the data set's fields cannot be known without the set itself, the plan is the fallback's.
    """
    alternative = check(recipe, data_root=data_root, fallback=True) if recipe.has_fallback else None
    try:
        return check(recipe, data_root=data_root)
    except DataMissing:
        if alternative is None:
            raise
        return alternative


class _Checker:
    def __init__(self, recipe: Recipe, table: Table, tables: RecipeTables, data_root: Path, fallback: bool) -> None:
        self.recipe, self.table, self.tables = recipe, table, tables
        self.data_root, self.fallback = data_root, fallback
        self.source = str(recipe.path)
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.callables: dict[str, Part] = {}
        self.fields: Specification = {}
        self.modules: dict[str, ModulePlan] = {}
        self.tensors: dict[str, Node] = {}
        self.losses: dict[str, Node] = {}
        self.reached: dict[str, frozenset[str]] = {}

    def plan(self) -> Plan:
        self.check_requirements()
        missing = self.prepare_data()
        for name in self.tables.modules:
            self.add_module(name)
        self.add_nodes()
        self.check_namespace()
        self.check_cycles()
        self.stop_if_wrong()  # what follows reads names, and would repeat each mistake
        phases = self.phases()
        evaluations = {name: plan for name in self.tables.evaluate if (plan := self.evaluation(name)) is not None}
        self.check_model()
        self.check_unused()
        self.stop_if_wrong()
        return Plan(
            self.recipe, self.table, self.tables, self.fallback, self.tables.data, self.dataset, self.dataset_part.component,
            self.fields, missing, self.modules, self.tensors, self.losses, self.callables, phases, evaluations, self.warnings,
        )  # fmt: skip

    def stop_if_wrong(self) -> None:
        if self.problems:
            raise UserError(self.source, self.problems)

    def wrong(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))

    # --- components and their options ---

    def part(self, name: str, kinds: Sequence[str], options: Mapping[str, Any], where: str) -> Part | None:
        """The component called `name` with the recipe's options, its `@` references replaced."""
        try:
            component = find(name, kinds)
            value = load(component)
        except LookupError as error:
            self.wrong(where, str(error))
            return None
        except UserError as error:
            self.wrong(where, error.text())
            return None
        if not callable(value):
            self.wrong(where, f"{component.origin}'s {component.kind} {name!r} is neither a function nor a class")
            return None
        return Part(component, value, signature_of(value), self.referenced(options, where))

    def referenced(self, options: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Options with `@field.key` replaced by what the data's specification says."""

        def replace(value: Any, place: str) -> Any:
            if isinstance(value, str) and value.startswith("@"):
                return self.reference(value, place)
            if isinstance(value, dict):
                return {key: replace(inner, f"{place}.{key}") for key, inner in value.items()}
            if isinstance(value, list):
                return [replace(inner, place) for inner in value]
            return value

        return {key: replace(value, f"{where}.{key}") for key, value in options.items()}

    def reference(self, text: str, where: str) -> Any:
        name, _, key = text[1:].partition(".")
        if name not in self.fields:
            return self.wrong(where, f"{text!r}: the data have no field {name!r}{closest(name, self.fields)}")
        keys = self.fields[name].references()
        if key not in keys:
            return self.wrong(where, f"{text!r}: {name} has no {key!r}{closest(key, keys)}")
        return keys[key]

    def check_part(self, part: Part, inputs: int, where: str, ignore: Sequence[str] = ()) -> None:
        name = f"{part.component.name} ({part.component.origin})"
        self.problems += check_options(
            part.signature, part.options, inputs=inputs, where=where, name=name, ignore=ignore
        )

    # --- data and modules ---

    def check_requirements(self) -> None:
        for name in self.tables.requires:
            try:
                metadata.distribution(name)
            except (metadata.PackageNotFoundError, ValueError):
                self.wrong("requires", f"{name} is not installed; pip install {name}")

    def prepare_data(self) -> DataMissing | None:
        data = self.tables.data
        part = self.part(data.use, ("dataset",), data.options, "data")
        if part is None:
            self.stop_if_wrong()
            raise UserError(self.source, "no data")
        self.check_part(part, 0, "data")
        self.stop_if_wrong()
        self.dataset_part = part
        root = {"root": self.data_root} if "root" in part.signature.parameters else {}
        try:
            self.dataset = part.value(**part.options, **root)
            self.fields = self.dataset.specification()
        except DataMissing:
            raise
        except UserError as error:
            raise UserError(self.source, [Problem("data", error.text())]) from None
        except ValueError as error:
            raise UserError(self.source, [Problem("data", str(error))]) from None
        try:
            self.dataset.locate()
        except DataMissing as missing:
            return missing
        return None

    def add_module(self, name: str) -> None:
        table, where = self.tables.modules[name], f"modules.{name}"
        if not name.isidentifier():
            return self.wrong(where, f"{name!r} cannot be called in an expression; use letters, digits and '_'")
        part = self.part(table.use, at_place("module"), table.options, where)
        if part is None:
            return None
        self.check_part(part, 0, where)
        self.modules[name] = ModulePlan(name, part, table.ema, table.weights)
        return None

    # --- tensors and losses ---

    def add_nodes(self) -> None:
        for name, entry in self.tables.tensors.items():
            table = ComponentTable(use=entry) if isinstance(entry, str) else entry
            self.add_node(self.tensors, name, table, f"tensors.{name}")
        for name, table in self.tables.losses.items():
            self.add_node(self.losses, name, table, f"losses.{name}")
        for node in [*self.tensors.values(), *self.losses.values()]:
            self.check_node(node)

    def add_node(self, nodes: dict[str, Node], name: str, table: ComponentTable, where: str) -> None:
        if not name.isidentifier():
            return self.wrong(where, f"{name!r} cannot be read in an expression; use letters, digits and '_'")
        try:
            expression = parse(table.use)
        except ValueError as error:
            return self.wrong(where, str(error))
        if isinstance(expression, Name) and (nodes is self.losses or table.options):
            return self.wrong(where, f"{table.use!r} calls nothing; write {table.use}(…) with its inputs")
        nodes[name] = Node(name, expression, self.referenced(table.options, where), where)
        return None

    def check_node(self, node: Node) -> None:
        for name in names(node.expression):
            if name not in self.readable():
                self.wrong(
                    node.where, f"{str(node.expression)!r}: nothing is called {name!r}{closest(name, self.readable())}"
                )
        for call in calls(node.expression):
            self.check_call(call, node)

    def readable(self) -> set[str]:
        return {*self.fields, *self.tables.modules, *self.tables.tensors}

    def check_call(self, call: Call, node: Node) -> None:
        outermost = call is node.expression
        options = node.options if outermost else {}
        if call.function in self.modules:
            part = self.modules[call.function].part
            if outermost and options:
                self.wrong(node.where, f"{call.function} is a module: its options belong under modules.{call.function}")
            forward = getattr(part.value, "forward", None)
            if forward is not None:
                self.problems += check_inputs(
                    _method_signature(forward), len(call.inputs), where=node.where, name=call.function
                )
            return
        if call.function in self.tables.modules:
            return  # its own mistake is reported where it stands
        if call.function not in self.callables:
            found = self.part(call.function, at_place("call"), {}, node.where)
            if found is None:
                self.suggest_module(call.function)
                return
            self.callables[call.function] = found
        part = self.callables[call.function]
        name = f"{part.component.name} ({part.component.origin})"
        stateful = inspect.isclass(part.value)
        taking = _method_signature(getattr(part.value, "forward", part.value)) if stateful else part.signature
        inputs = 0 if stateful else len(call.inputs)
        self.problems += check_inputs(taking, len(call.inputs), where=node.where, name=name)
        self.problems += check_options(part.signature, options, inputs=inputs, where=node.where, name=name)

    def suggest_module(self, name: str) -> None:
        near = closest(name, self.tables.modules)
        if "did you mean" in near:
            last = self.problems.pop()
            self.wrong(last.where, last.message + f"; of the modules{near}")

    def check_namespace(self) -> None:
        places = {"a field of the data": self.fields, "a module": self.tables.modules, "a tensor": self.tables.tensors}
        seen: dict[str, str] = {}
        for place, table in places.items():
            for name in table:
                if name in seen:
                    kind = "tensors" if place == "a tensor" else "modules"
                    self.wrong(
                        f"{kind}.{name}",
                        f"{name!r} is {seen[name]} already; tensors, modules and fields share one namespace",
                    )
                seen.setdefault(name, place)

    def check_cycles(self) -> None:
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                loop = (*path[path.index(name) :], name)
                if set(loop) & done:
                    return
                done.update(loop)
                self.wrong(f"tensors.{name}", f"reads itself: {' -> '.join(loop)}")
            elif name in self.tensors and name not in done:
                for inner in dict.fromkeys(names(self.tensors[name].expression)):
                    visit(inner, (*path, name))
                done.add(name)

        for name in self.tensors:
            visit(name, ())

    # --- who trains whom ---

    def reach(self, expression: Expression, leaves: frozenset[str]) -> frozenset[str]:
        """The modules that a gradient of the expression reaches; `leaves` are tensors computed beforehand."""
        if isinstance(expression, Name):
            name = expression.name
            if name in self.modules:
                return frozenset({name})
            if name in self.tensors and name not in leaves:
                return self.reach(self.tensors[name].expression, leaves)
            return frozenset()
        own = frozenset({expression.function} & self.modules.keys())
        if not own and getattr(self.callables[expression.function].value, "cuts_gradient", False):
            return frozenset()
        return own.union(*(self.reach(part, leaves) for part in expression.inputs))

    def phases(self) -> tuple[PhasePlan, ...]:
        order = self.tables.order if self.tables.order is not None else list(self.tables.phases)
        for name in order:
            if name not in self.tables.phases:
                self.wrong("order", f"there is no phase {name!r}{closest(name, self.tables.phases)}")
        if len(set(order)) < len(order):
            self.wrong("order", "a phase stands there twice")
        return tuple(self.phase(name, self.tables.phases[name]) for name in order if name in self.tables.phases)

    def phase(self, name: str, table: PhaseTable) -> PhasePlan:
        where = f"phases.{name}"
        leaves = frozenset(table.precompute)
        reaches = {loss: self.reach(node.expression, leaves) for loss, node in self.losses.items()}
        steps = []
        for step_name, step in table.steps.items():
            rows: dict[str, dict[str, float]] = {}
            single = "step" in table.steps and len(table.steps) == 1
            place = f"{where}.train" if single else f"{where}.steps.{step_name}.train"
            for module, row in step.train.items():
                self.check_row(module, row, reaches, f"{place}.{module}")
                weighted = {loss: float(weight) for loss, weight in row.items() if weight != 0}
                if weighted:
                    rows[module] = weighted
            if rows and all(loss in self.losses for row in rows.values() for loss in row):
                steps.append(StepPlan(step_name, step.repeat, rows, share_backwards(rows, reaches)))
        trained = list(dict.fromkeys(module for step in steps for module in step.rows if module in self.modules))
        if not trained:
            self.wrong(where, "trains nothing: every weight is 0 or no row names a module")
        self.check_precompute(table.precompute, trained, where)
        if table.validate_ and table.validate_.loss not in self.losses:
            loss = table.validate_.loss
            self.wrong(f"{where}.validate.loss", f"there is no loss {loss!r}{closest(loss, self.losses)}")
        optimizers = {module: plan for module in trained if (plan := self.optimizer(module, table, where)) is not None}
        sampler = table.data.sampler or self.tables.data.sampler
        return PhasePlan(
            name, table.epochs, table.data.batch_size or self.tables.data.batch_size,
            self.sampler(sampler, f"{where}.data.sampler" if table.data.sampler else "data.sampler"),
            tuple(steps), optimizers, tuple(table.precompute), table.validate_,
        )  # fmt: skip

    def check_row(
        self, module: str, row: Mapping[str, float], reaches: Mapping[str, frozenset[str]], where: str
    ) -> None:
        if module not in self.modules:
            return self.wrong(where, f"there is no module {module!r}{closest(module, self.modules)}")
        for loss in row:
            if loss not in self.losses:
                self.wrong(f"{where}.{loss}", f"there is no loss {loss!r}{closest(loss, self.losses)}")
            elif module not in reaches[loss]:
                those = ", ".join(sorted(reaches[loss])) or "no module at all"
                self.wrong(f"{where}.{loss}", f"the gradient of {loss!r} does not reach {module!r}; it reaches {those}")
        return None

    def check_precompute(self, precompute: Sequence[str], trained: Sequence[str], where: str) -> None:
        for name in precompute:
            if name not in self.tensors:
                self.wrong(f"{where}.precompute", f"there is no tensor {name!r}{closest(name, self.tensors)}")
                continue
            read = self.everything_read(self.tensors[name].expression)
            moving = sorted(read & set(trained))
            random = sorted(
                f for f in read & self.callables.keys() if "generator" in self.callables[f].signature.parameters
            )
            if moving:
                self.wrong(f"{where}.precompute", f"{name!r} reads {moving[0]!r}, which this phase trains")
            if random:
                self.wrong(
                    f"{where}.precompute",
                    f"{name!r} is random (it calls {random[0]}); each batch needs a draw of its own",
                )

    def everything_read(self, expression: Expression) -> set[str]:
        found = {*names(expression), *(call.function for call in calls(expression))}
        for name in list(found & self.tensors.keys()):
            found |= self.everything_read(self.tensors[name].expression)
        return found

    def optimizer(self, module: str, phase: PhaseTable, where: str) -> OptimizerPlan | None:
        """Top-level `[optimizer]`, then the phase's, then the module's own: the later keys win."""
        merged: dict[str, Any] = {}
        for table in (self.tables.optimizer, phase.optimizer, self.tables.modules[module].optimizer):
            if table.get("use", merged.get("use")) != merged.get("use"):
                merged = {key: value for key, value in merged.items() if key in OPTIMIZER_KEYS}
            merged |= table
        where = f"{where}.optimizer of {module}"
        try:
            optimizer = OptimizerTable.model_validate(merged)
        except ValidationError as error:
            self.problems += problems_of(error, where + ".")
            return None
        part = self.part(optimizer.use, ("optimizer",), optimizer.options, where)
        if part is None:
            return None
        self.check_part(part, 1, where)
        groups = []
        for index, group in enumerate(optimizer.groups):
            own = Part(part.component, part.value, part.signature, self.referenced(group.options, where))
            self.check_part(
                Part(own.component, own.value, own.signature, {**part.options, **own.options}),
                1,
                f"{where}.groups.{index}",
            )
            groups.append((group.parameters, own.options, self.schedule(group.schedule or optimizer.schedule, where)))
        return OptimizerPlan(part, self.schedule(optimizer.schedule, where), tuple(groups), optimizer.clip)

    def schedule(self, table: ComponentTable | None, where: str) -> Part | None:
        if table is None:
            return None
        part = self.part(table.use, ("schedule",), table.options, f"{where}.schedule")
        if part is not None:
            self.check_part(part, 2, f"{where}.schedule")
        return part

    def sampler(self, table: ComponentTable | None, where: str) -> Node | None:
        node = self.component_node("sampler", table, "sampler", where)
        if node is None or not isinstance(node[0].expression, Call):
            return None
        self.check_part(node[1], len(node[0].expression.inputs), where, FILLED_IN_SAMPLERS)
        self.callables[node[0].expression.function] = node[1]
        for name in names(node[0].expression):
            if name not in self.fields:
                self.wrong(
                    where, f"a sampler reads fields of the data, and {name!r} is none{closest(name, self.fields)}"
                )
        return node[0]

    # --- evaluations and the rest ---

    def component_node(
        self, name: str, table: ComponentTable | None, kind: str, where: str
    ) -> tuple[Node, Part] | None:
        """`use = "component(inputs)"` of a kind that stands in a table of its own."""
        if table is None:
            return None
        try:
            expression = parse(table.use if "(" in table.use else f"{table.use}()")
        except ValueError as error:
            self.wrong(where, str(error))
            return None
        if not isinstance(expression, Call) or any(isinstance(part, Call) for part in expression.inputs):
            self.wrong(where, f"{table.use!r} is not a {kind} called with names; write {kind}(a, b)")
            return None
        part = self.part(expression.function, (kind,), table.options, where)
        if part is None:
            return None
        return Node(name, expression, part.options, where), part

    def evaluation(self, name: str) -> EvaluationPlan | None:
        table, where = self.tables.evaluate[name], f"evaluate.{name}"
        found = self.component_node(name, ComponentTable(use=table.use, **table.options), "evaluation", where)
        if found is None:
            return None
        node, part = found
        count = len(list(names(node.expression)))
        shown = f"{part.component.name} ({part.component.origin})"
        self.problems += check_inputs(part.signature, count, where=where, name=shown)
        self.check_part(part, count, where)
        for read in names(node.expression):
            if read not in self.readable():
                self.wrong(where, f"nothing is called {read!r}{closest(read, self.readable())}")
        judge = None
        wants = "judge" in part.signature.parameters
        if table.judge is not None and not wants:
            self.wrong(f"{where}.judge", f"{shown} asks no judge")
        elif table.judge is not None:
            judge = self.recipe.path.parent / table.judge
            if not judge.is_file():
                self.wrong(f"{where}.judge", f"there is no recipe {str(judge)!r}")
        elif wants and part.signature.parameters["judge"].default is inspect.Parameter.empty:
            self.wrong(where, f"{shown} needs 'judge', the recipe of an independent classifier")
        return EvaluationPlan(node, part, judge)

    def check_model(self) -> None:
        model = self.tables.model
        if model is None:
            return
        for key, values in {"input": [model.input], "code": model.code, "output": [model.output]}.items():
            known = set(self.fields) if key == "input" else {*self.tensors, *self.fields}
            for value in values:
                if value not in known:
                    self.wrong(f"model.{key}", f"nothing is called {value!r}{closest(value, known)}")

    def check_unused(self) -> None:
        nodes = [*self.tensors.values(), *self.losses.values()]
        read = set().union(*(self.everything_read(node.expression) for node in nodes))
        self.warnings += [f"modules.{name} is never used" for name in self.modules if name not in read]


def _method_signature(method: Callable[..., Any]) -> Signature:
    signature = signature_of(method)
    parameters = dict(signature.parameters)
    parameters.pop("self", None)
    return Signature(parameters, signature.types)
