"""`semreg check`: everything that can be known of a recipe without data and without training, all mistakes at once."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from semreg.core import DataMissing, Problem, Specification, UserError, closest
from semreg.core.errors import cause_of
from semreg.core.registry import find, load
from semreg.data.splits import labelled_fields
from semreg.recipe.expression import names
from semreg.recipe.graph import Graph
from semreg.recipe.load import Recipe, Table
from semreg.recipe.options import check_inputs, required_inputs, signature_of
from semreg.recipe.phases import Phases
from semreg.recipe.plan import EvaluationPlan, Plan, read_and_called
from semreg.recipe.resolve import Parts
from semreg.recipe.schema import ComponentTable, DataTable, RecipeTables, parse_tables


def check(
    recipe: Recipe, *, data_root: str | Path = "data", fallback: bool = False, trained_on: Specification | None = None
) -> Plan:
    """The plan of a recipe, with its `[fallback]` merged in if asked for.

    `plan.missing` says whether the data set is there. Of a run that is opened, `trained_on` are the fields of its data:
    then neither the data set nor the recipes of judges need to be there. Raises UserError with all the mistakes that
    were found.
    """
    table = recipe.resolve(fallback=fallback)
    tables = parse_tables(table, str(recipe.path))
    if fallback and _drop_options_of_other_data(table, tables.data, recipe):
        tables = parse_tables(table, str(recipe.path))
    return _Checker(recipe, table, tables, Path(data_root), fallback, trained_on).plan()


def _drop_options_of_other_data(table: Table, data: DataTable, recipe: Recipe) -> bool:
    """Whether `--set data.path=FOLDER`, which is meant for the recipe's own data set, was taken from its fallback's."""
    try:
        taken = signature_of(load(find(data.use, ("dataset",)))).parameters
    except (LookupError, UserError, TypeError):  # of which the checks tell
        return False
    changes = [override.get("data") for override in recipe.overrides]
    changed = {key for change in changes if isinstance(change, dict) for key in change}
    strange = changed & data.options.keys() - taken.keys()
    for key in strange:
        del table["data"][key]
    return bool(strange)


def check_all(recipe: Recipe, *, data_root: str | Path = "data") -> Plan:
    """The plan of a recipe, after both the recipe itself and, if it has one, its fallback have been checked.

    Where the data set's fields cannot be known without the set itself, the plan is the fallback's, and its `missing`
    says what is not there.
    """
    alternative = check(recipe, data_root=data_root, fallback=True) if recipe.has_fallback else None
    try:
        return check(recipe, data_root=data_root)
    except DataMissing as error:
        if alternative is None:
            raise
        return replace(alternative, missing=error)


FOLDER_NAME = re.compile(r"\w[\w.-]*")


class _Checker:
    def __init__(
        self,
        recipe: Recipe,
        table: Table,
        tables: RecipeTables,
        data_root: Path,
        fallback: bool,
        trained_on: Specification | None,
    ) -> None:
        self.recipe, self.table, self.tables, self.trained_on = recipe, table, tables, trained_on
        self.data_root, self.fallback = data_root, fallback
        self.source = str(recipe.path)
        self.parts = Parts(self.source)

    def plan(self) -> Plan:
        self.check_requirements()
        missing = self.prepare_data()
        self.graph = graph = Graph(self.parts, self.tables)
        self.parts.stop_if_wrong()  # what follows reads names, and would repeat each mistake
        phases = Phases(self.parts, graph, self.tables).plans()
        evaluations = {name: plan for name in self.tables.evaluate if (plan := self.evaluation(name)) is not None}
        self.check_model()
        self.parts.stop_if_wrong()
        return Plan(
            self.recipe, self.table, self.tables, self.fallback, self.tables.data, self.dataset,
            self.dataset_part.component, self.parts.fields, missing, graph.modules, graph.tensors, graph.losses,
            graph.callables, phases, evaluations, self.unused(evaluations),
        )  # fmt: skip

    def check_requirements(self) -> None:
        for name in self.tables.requires:
            try:
                metadata.distribution(name)
            except (metadata.PackageNotFoundError, ValueError):
                self.parts.wrong("requires", f"{name} is not installed; pip install {name}")

    def prepare_data(self) -> DataMissing | None:
        data = self.tables.data
        part = self.parts.part(data.use, ("dataset",), data.options, "data")
        if part is None:
            self.parts.stop_if_wrong()
            raise UserError(self.source, "no data")
        self.parts.check_part(part, 0, "data")
        self.parts.stop_if_wrong()
        self.dataset_part = part
        root = {"root": self.data_root} if "root" in part.signature.parameters else {}
        known = False
        try:
            self.dataset = part.value(**part.options, **root)
            if self.trained_on is not None:
                self.parts.fields = self.trained_on
                return None
            self.parts.fields = self.dataset.specification()
            if isinstance(data.split.unlabelled, dict):
                self.parts.fields = labelled_fields(self.parts.fields, data.split.unlabelled)
            known = True
            self.dataset.locate()
        except DataMissing as missing:
            if known:
                return missing
            raise
        except UserError as error:
            if error.source:
                raise
            problems = [Problem(problem.where or "data", problem.message) for problem in error.problems]
            raise UserError(self.source, problems) from None
        except Exception as error:  # options that no type forbids: a path too long, a number too large
            raise UserError(self.source, [Problem("data", cause_of(error))]) from error
        return None

    def evaluation(self, name: str) -> EvaluationPlan | None:
        table, where = self.tables.evaluate[name], f"evaluate.{name}"
        if not FOLDER_NAME.fullmatch(name):
            self.parts.wrong(where, f"{name!r} names a folder of the run; use letters, digits, '_', '-' and '.'")
        found = self.parts.component_node(name, ComponentTable(use=table.use, **table.options), "evaluation", where)
        if found is None:
            return None
        node, part = found
        count = len(list(names(node.expression)))
        shown = f"{part.component.name} ({part.component.origin})"
        self.parts.tell(check_inputs(part.signature, count, where=where, name=shown))
        self.parts.check_part(part, count, where, required_inputs(part.signature))
        for read in names(node.expression):
            if read not in self.graph.readable:
                self.parts.wrong(where, f"nothing is called {read!r}{closest(read, self.graph.readable)}")
        judge = None
        wants = "judge" in part.signature.parameters
        if table.judge is not None and not wants:
            self.parts.wrong(f"{where}.judge", f"{shown} asks no judge")
        elif table.judge is not None:
            judge = self.recipe.path.parent / table.judge
            if self.trained_on is None and not os.path.isfile(judge):  # unlike Path.is_file it never raises
                self.parts.wrong(f"{where}.judge", f"there is no recipe {str(judge)!r}")
        elif wants and part.signature.parameters["judge"].default is inspect.Parameter.empty:
            self.parts.wrong(where, f"{shown} needs 'judge', the recipe of an independent classifier")
        if table.judge_data and table.judge is None:
            self.parts.wrong(f"{where}.judge_data", "these are the data of a judge, and there is no 'judge'")
        return EvaluationPlan(node, part, judge, table.judge_data)

    def check_model(self) -> None:
        model = self.tables.model
        if model is None:
            return
        for key, values in {"input": [model.input], "code": model.code, "output": [model.output]}.items():
            known = set(self.parts.fields) if key == "input" else {*self.graph.tensors, *self.parts.fields}
            for value in values:
                if value not in known:
                    self.parts.wrong(f"model.{key}", f"nothing is called {value!r}{closest(value, known)}")

    def unused(self, evaluations: Mapping[str, EvaluationPlan]) -> list[str]:
        """A warning for each module that nothing reads."""
        graph = self.graph
        nodes = [*graph.tensors.values(), *graph.losses.values(), *(plan.node for plan in evaluations.values())]
        read, called = read_and_called([node.expression for node in nodes], graph.tensors)
        return [f"modules.{name} is never used" for name in graph.modules if name not in read | called]
