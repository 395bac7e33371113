"""`semreg check`: finds all errors of a recipe that show without data and without training, and
reports them together."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from semreg.core import (
    AttributesField,
    ClassField,
    DataMissing,
    Dataset,
    ImageField,
    Problem,
    Role,
    Roles,
    Specification,
    UserError,
    closest,
)
from semreg.core.options import NO_TEXT, signature_of
from semreg.core.registry import find, load
from semreg.data.splits import by_problems, labelled_fields, shots_problems
from semreg.recipe.bounds import TomlTable
from semreg.recipe.component_errors import component_error, shown
from semreg.recipe.graph import Graph, build_graph
from semreg.recipe.inputs import roles_of_inputs
from semreg.recipe.load import Recipe
from semreg.recipe.names import find_recipe
from semreg.recipe.phases import build_phases
from semreg.recipe.plan import ComparisonPlan, EvaluationPlan, Node, PhasePlan, Plan, reads_in, uses
from semreg.recipe.process_state import process_state_kept
from semreg.recipe.resolve import Building, Made, Resolver, settle, survey
from semreg.recipe.roles import build_roles
from semreg.recipe.schema import DataTable, RecipeTables, parse_tables
from semreg.recipe.unknown import unknown_read
from semreg.store.fields import checked
from semreg.store.recipes import judged_on


def check(
    recipe: Recipe, *, data_root: str | Path = "data", fallback: bool = False, trained_on: Specification | None = None
) -> Plan:
    """Return the plan of a recipe, with its `[fallback]` merged in if asked for.

    `plan.missing` states whether the data set is missing. For a trained run, `trained_on` are the fields of its data:
    then the data set and the recipes of judges may be missing, and `plan.lacking` states all else that is. Raises
    UserError with all errors found.
    """
    if judged_on(recipe.path.stem)[1] != "test":
        said = f"no recipe can be called {recipe.path.stem!r}: results on validation images are kept by such names"
        raise UserError(str(recipe.path), f"{said}; rename the file")
    source = f"{recipe.path}, with its fallback" if fallback and trained_on is None else str(recipe.path)
    table = recipe.resolve(fallback=fallback)
    try:
        tables = parse_tables(table, source)
        if fallback and _drop_options_of_other_data(table, tables.data, recipe):
            tables = parse_tables(table, source)
        return _Checker(recipe, table, tables, Path(data_root), fallback, trained_on, source).plan()
    except UserError as error:
        if not any(NO_TEXT in problem.message for problem in error.problems):
            raise
        raise UserError(error.source, [_with_quotes(problem, recipe.written) for problem in error.problems]) from None


def _with_quotes(problem: Problem, overrides: Sequence[str]) -> Problem:
    """Add the right form of `--set KEY=VALUE` to an error, if TOML read a text as a number, a date or a truth value."""
    for key, _, value in (override.partition("=") for override in overrides):
        if key.strip() == problem.where and NO_TEXT in problem.message:
            written = shlex.join(["--set", f'{key.strip()}="{value.strip()}"'])
            return Problem(problem.where, f"{problem.message}: {written}")
    return problem


def _drop_options_of_other_data(table: TomlTable, data: DataTable, recipe: Recipe) -> bool:
    """Return whether `--set data.path=FOLDER`, which is for the recipe's own data set, was removed from
    its fallback's."""
    try:
        taken = signature_of(load(find(data.use, ("dataset",)))).parameters
    except (LookupError, UserError, TypeError):  # the checks report these
        return False
    changes = [override.get("data") for override in recipe.overrides]
    changed = {key for change in changes if isinstance(change, dict) for key in change}
    strange = changed & data.options.keys() - taken.keys()
    for key in strange:
        del table["data"][key]
    return bool(strange)


def check_all(recipe: Recipe, *, data_root: str | Path = "data", fallback: bool = True) -> Plan:
    """Return the plan of a recipe, after checks of both the recipe itself and, unless `fallback` is False, its
    fallback.

    If the fields are unknown without the data set itself, this is the fallback's plan, and its `missing` names the
    missing files. Raises UserError; it marks errors that only the fallback has.
    """
    try:
        plan = check(recipe, data_root=data_root)
    except DataMissing as error:
        if not (recipe.has_fallback and fallback):
            raise
        return replace(check(recipe, data_root=data_root, fallback=True), missing=error)
    if recipe.has_fallback and fallback:
        check(recipe, data_root=data_root, fallback=True)
    return plan


FOLDER_NAME = re.compile(r"\w[\w.-]*")
FILLED_IN_COMPARISONS = ("names",)
"""The inputs of a comparison that the table fills in."""


class _Checker:
    """Makes the plan of one resolved recipe, part by part; it raises the errors of each part before the next part."""

    def __init__(
        self,
        recipe: Recipe,
        table: TomlTable,
        tables: RecipeTables,
        data_root: Path,
        fallback: bool,
        trained_on: Specification | None,
        source: str,
    ) -> None:
        self.recipe, self.table, self.tables, self.trained_on = recipe, table, tables, trained_on
        self.data_root, self.fallback, self.source = data_root, fallback, source
        self.lacking: list[Problem] = []

    def plan(self) -> Plan:
        node = self.made(self.data_node())
        dataset, fields, missing = self.data_set(node)
        resolver = Resolver(fields)
        graph = self.made(build_graph(resolver, self.tables))  # the next parts would repeat each error
        roles, phases, evaluations, comparisons = self.made(self.roles_and_more(resolver, graph))
        measuring = [*(one.node for one in evaluations.values()), *(one.node for one in comparisons.values())]
        return Plan(
            self.recipe, self.table, self.tables, self.fallback, self.tables.data, dataset, node, fields, missing,
            graph.modules, graph.tensors, graph.losses, roles, phases, evaluations, comparisons,
            unused(graph, roles, measuring), tuple(self.lacking),
        )  # fmt: skip

    def made(self, building: Building[Made]) -> Made:
        """Return the builder's result. Raises UserError with its errors; for a trained run they are kept instead."""
        if self.trained_on is None:
            return settle(building, self.source)
        made, problems = survey(building)
        self.lacking += problems
        return made

    def data_node(self) -> Building[Node | None]:
        """Return the data set's call, after a check that the distributions that the recipe requires are installed."""
        for name in self.tables.requires:
            try:
                metadata.distribution(name)
            except (metadata.PackageNotFoundError, ValueError):
                yield Problem("requires", f"{name} is not installed; pip install {name}")
        data = self.tables.data
        return (yield from Resolver({}).node(data.use, ("dataset",), data.options, "data"))

    def data_set(self, node: Node | None) -> tuple[Dataset | None, Specification, DataMissing | None]:
        """Return the data set, its fields, and whether it is missing. Raises DataMissing if its fields are then
        unknown."""
        if node is None:
            if self.trained_on is None:
                raise UserError(self.source, [Problem("data", "there is no data set")])
            return None, self.trained_on, None
        component, unlabelled = node.loaded, self.tables.data.split.unlabelled
        root = {"root": self.data_root} if "root" in component.signature.parameters else {}
        fields: Specification | None = None
        try:
            with process_state_kept():
                dataset: Dataset = component.value(**node.options, **root)
                if self.trained_on is not None:
                    return dataset, self.trained_on, None
                fields = checked(dataset.specification())
                if isinstance(unlabelled, dict):
                    fields = labelled_fields(fields, unlabelled)
                split = self.tables.data.split
                problems = [
                    *shots_problems(fields, split.shots),
                    *by_problems(fields, split.model_dump()["validation"]),
                ]
                if problems:
                    raise UserError("", problems)
                dataset.locate()
        except DataMissing as missing:
            if fields is None:
                raise
            return dataset, fields, missing
        except UserError as error:
            if error.source:
                raise
            problems = [Problem(problem.where or "data", problem.message) for problem in error.problems]
            if self.trained_on is not None:
                self.lacking += problems
                return None, self.trained_on, None
            raise UserError(self.source, problems) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # options that no type excludes: too long a path, too large a number
            raise component_error(node, self.source, error) from error
        return dataset, fields, None

    def roles_and_more(
        self, resolver: Resolver, graph: Graph
    ) -> Building[tuple[Roles, tuple[PhasePlan, ...], dict[str, EvaluationPlan], dict[str, ComparisonPlan]]]:
        """Build all parts that read the graph: roles, phases, evaluations and comparisons."""
        yield from unknown_read(resolver.fields, graph)
        roles = yield from build_roles(resolver, graph, self.tables.model)
        phases = yield from build_phases(resolver, graph, self.tables)
        yield from self.check_watched(resolver, graph)
        evaluations = {}
        for name in self.tables.evaluate:
            evaluation = yield from self.evaluation(resolver, graph, roles, name)
            if evaluation is not None:
                evaluations[name] = evaluation
        comparisons = {}
        for name in self.tables.compare:
            comparison = yield from self.comparison(resolver, graph, roles, name)
            if comparison is not None:
                comparisons[name] = comparison
        return roles, phases, evaluations, comparisons

    def check_watched(self, resolver: Resolver, graph: Graph) -> Iterator[Problem]:
        """Yield the names in `[watch]` that are not a tensor or a field of images, and phases that can't name
        a file."""
        table, fields = self.tables.watch, resolver.fields
        if table is None or self.trained_on is not None:
            return
        images = {name for name, field in fields.items() if isinstance(field, ImageField)} | graph.tensors.keys()
        for place, name in enumerate(table.tensors):
            if name not in images:
                found = f"{name!r} is a field without images" if name in fields else f"there is no tensor {name!r}"
                yield Problem(f"watch.tensors.{place}", f"{found}{closest(name, images)}")
        for phase in self.tables.phases:
            if not FOLDER_NAME.fullmatch(phase):
                message = f"{phase!r} names pictures of `[watch]`; use letters, digits, '_', '-' and '.'"
                yield Problem(f"phases.{phase}", message)

    def evaluation(self, resolver: Resolver, graph: Graph, roles: Roles, name: str) -> Building[EvaluationPlan | None]:
        table, where = self.tables.evaluate[name], f"evaluate.{name}"
        if not FOLDER_NAME.fullmatch(name):
            yield Problem(where, f"{name!r} names a folder of the run; use letters, digits, '_', '-' and '.'")
        node = yield from resolver.call(table.use, "evaluation", table.options, where, roles=roles)
        if node is None:
            return None
        component = node.loaded
        yield from check_read(node, {*resolver.fields, *graph.modules, *graph.tensors})
        yield from self.check_labels(resolver, node)
        judge = None
        wanted = component.signature.parameters.get("judge")
        if table.judge is not None and wanted is None:
            yield Problem(f"{where}.judge", f"{shown(component)} uses no judge")
        elif table.judge is not None:
            try:
                judge = find_recipe(table.judge, self.recipe.path.parent)
            except LookupError as error:
                judge = self.recipe.path.parent / table.judge
                if self.trained_on is None:
                    yield Problem(f"{where}.judge", str(error))
        elif wanted is not None and wanted.default is inspect.Parameter.empty:
            yield Problem(where, f"{shown(component)} needs 'judge', the recipe of an independent classifier")
        if table.judge_data and table.judge is None:
            yield Problem(f"{where}.judge_data", "this key needs 'judge', which is missing")
        paper = table.paper.figures(self.tables.data) if table.paper else {}
        return EvaluationPlan(name, node, judge, table.judge_data, paper)

    def comparison(self, resolver: Resolver, graph: Graph, roles: Roles, name: str) -> Building[ComparisonPlan | None]:
        table, where = self.tables.compare[name], f"compare.{name}"
        if not FOLDER_NAME.fullmatch(name):
            yield Problem(where, f"{name!r} names a folder of the table; use letters, digits, '_', '-' and '.'")
        if name in self.tables.evaluate:
            yield Problem(where, f"{name!r} is an evaluation, too, and a table shows both; give one another name")
        node = yield from resolver.call(
            table.use, "comparison", table.options, where, roles=roles, ignore=FILLED_IN_COMPARISONS
        )
        if node is None:
            return None
        yield from check_read(node, {*resolver.fields, *graph.tensors})
        read = list(reads_in(node))
        if len(read) != 1:
            found = f"{', '.join(read)} are given" if read else "none is given, and [model] names no code"
            yield Problem(where, f"{shown(node.loaded)} compares one tensor of several runs; {found}")
        return ComparisonPlan(name, node, table.across)

    def check_labels(self, resolver: Resolver, node: Node) -> Iterator[Problem]:
        """Yield the inputs of an evaluation that must be labels and are not, or whose classes lack the
        required order."""
        who, roles = shown(node.loaded), roles_of_inputs(node.loaded.signature)
        for read, wanted in zip(reads_in(node), roles, strict=False):
            field = resolver.fields.get(read)
            for role, kind, what in (
                (Role.LABEL, ClassField, "a field of classes"),
                (Role.ATTRIBUTES, AttributesField, "a field of binary labels"),
            ):
                if role in wanted and not isinstance(field, kind):
                    known = [name for name, one in resolver.fields.items() if isinstance(one, kind)]
                    yield Problem(node.where, f"{who} takes {what}, and {read!r} is none{closest(read, known)}")
            if Role.ORDER in wanted and isinstance(field, ClassField) and field.order == "none":
                line = f'say it under [data], as in orders = {{ {read} = "ring" }}, or leave {node.where} out'
                yield Problem(node.where, f"{who} takes classes in an order, and those of {read!r} have none; {line}")


def check_read(node: Node, readable: Collection[str]) -> Iterator[Problem]:
    """Yield the names that a call reads and that don't exist."""
    for read in reads_in(node):
        if read not in readable:
            yield Problem(node.where, f"nothing is called {read!r}{closest(read, readable)}")


def unused(graph: Graph, roles: Roles, more: Sequence[Node]) -> list[str]:
    """Return a warning for each module that neither the graph nor `more` reads."""
    values = [*graph.tensors.values(), *graph.losses.values(), *more]
    found = uses(values, graph.tensors)
    used = found.read | found.modules | set(roles.prior.values())
    return [f"modules.{name} is never used" for name in graph.modules if name not in used]
