"""The modules, tensors and losses of a recipe: resolves every name, finds cycles, and finds what a gradient reaches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from semreg.core import Problem, closest
from semreg.core.kinds import at_place
from semreg.core.options import Signature, check_inputs, required_inputs, signature_of
from semreg.core.registry import components
from semreg.recipe.expression import Call, Expression, Name, names, parse
from semreg.recipe.plan import Loaded, ModulePlan, Node, Read, Value
from semreg.recipe.resolve import Building, Made, Resolver
from semreg.recipe.schema import ComponentTable, RecipeTables

DEEPEST_CHAIN = 100
"""Nested calls in one tensor, including those of the tensors that it reads."""


@dataclass(frozen=True)
class Graph:
    """The modules, tensors and losses of a recipe, by their names."""

    modules: dict[str, ModulePlan]
    tensors: dict[str, Value]
    losses: dict[str, Node]
    _reached: dict[frozenset[str], dict[str, frozenset[str]]] = field(default_factory=dict)

    def reach(self, value: Value, leaves: frozenset[str]) -> frozenset[str]:
        """Return the modules that a gradient of the value reaches; `leaves` are tensors that are already computed."""
        known = self._reached.setdefault(leaves, {})

        def reached(part: Value) -> frozenset[str]:
            if isinstance(part, Read):
                if part.name in self.modules:
                    return frozenset({part.name})
                if part.name not in self.tensors or part.name in leaves:
                    return frozenset()
                if part.name not in known:
                    known[part.name] = reached(self.tensors[part.name])
                return known[part.name]
            if part.component is not None and getattr(part.component.value, "cuts_gradient", False):
                return frozenset()
            own = frozenset({part.name} if part.component is None else ())
            return own.union(*map(reached, part.inputs))

        return reached(value)


def build_graph(resolver: Resolver, tables: RecipeTables) -> Building[Graph]:
    """Build the graph of a recipe, as far as possible."""
    modules: dict[str, ModulePlan] = {}
    for name in tables.modules:
        module = yield from _module(resolver, name, tables)
        if module is not None:
            modules[name] = module
    written = {name: ComponentTable(use=one) if isinstance(one, str) else one for name, one in tables.tensors.items()}
    tensors = yield from _parsed("tensors", written)
    losses = yield from _parsed("losses", tables.losses)
    calls = _Calls(resolver, tables, modules)
    graph = Graph(modules, {}, {})
    for name, expression in tensors.items():
        value = yield from calls.value(expression, written[name].options, f"tensors.{name}", expression)
        if value is not None:
            graph.tensors[name] = value
    for name, expression in losses.items():
        loss = yield from calls.value(expression, tables.losses[name].options, f"losses.{name}", expression)
        if isinstance(loss, Node):
            graph.losses[name] = loss
    yield from _namespace(resolver, tables)
    yield from _cycles(tensors)
    return graph


def _module(resolver: Resolver, name: str, tables: RecipeTables) -> Building[ModulePlan | None]:
    table, where = tables.modules[name], f"modules.{name}"
    if not name.isidentifier():
        yield Problem(where, f"{name!r} cannot be called in an expression; use letters, digits and '_'")
        return None
    node = yield from resolver.node(table.use, at_place("module"), table.options, where)
    return None if node is None else ModulePlan(name, node, table.ema, table.weights, table.precision)


def _parsed(kind: str, entries: Mapping[str, ComponentTable]) -> Building[dict[str, Expression]]:
    """Parse the expressions of tensors or losses."""
    found = {}
    for name, table in entries.items():
        where = f"{kind}.{name}"
        if not name.isidentifier():
            yield Problem(where, f"{name!r} cannot be read in an expression; use letters, digits and '_'")
            continue
        try:
            expression = parse(table.use)
        except ValueError as error:
            yield Problem(where, str(error))
            continue
        if isinstance(expression, Name) and (kind == "losses" or table.options):
            yield Problem(where, f"{table.use!r} calls nothing; write {table.use}(…) with its inputs")
            continue
        found[name] = expression
    return found


class _Calls:
    """Resolves the expressions of one recipe."""

    def __init__(self, resolver: Resolver, tables: RecipeTables, modules: Mapping[str, ModulePlan]) -> None:
        self.resolver, self.tables, self.modules = resolver, tables, modules
        self.readable = frozenset({*resolver.fields, *tables.modules, *tables.tensors})

    def value(
        self, expression: Expression, options: Mapping[str, Any], where: str, whole: Expression
    ) -> Building[Value | None]:
        """Resolve the names in an expression. Options belong to its outermost call; messages use `whole`."""
        if isinstance(expression, Name):
            if expression.name not in self.readable:
                near = closest(expression.name, self.readable)
                yield Problem(where, f"{str(whole)!r}: nothing is called {expression.name!r}{near}")
                return None
            return Read(expression.name)
        inputs = []
        for part in expression.inputs:
            inputs.append((yield from self.value(part, {}, where, whole)))
        call = self.of_module if expression.function in self.tables.modules else self.of_component
        node = yield from call(expression, options, where)
        known = tuple(value for value in inputs if value is not None)
        if node is None or len(known) < len(inputs):
            return None
        return replace(node, inputs=known)

    def of_module(self, call: Call, options: Mapping[str, Any], where: str) -> Building[Node | None]:
        """Return a call of a module, without its inputs; the module's table has its options."""
        module = self.modules.get(call.function)
        if module is None:
            return None  # its own error is reported at its table
        if options:
            yield Problem(where, f"{call.function} is a module: its options belong under modules.{call.function}")
        forward = getattr(module.node.loaded.value, "forward", None)
        if forward is not None:
            yield from check_inputs(method_signature(forward), len(call.inputs), where=where, name=call.function)
        return Node(call.function, None, {}, (), where)

    def of_component(self, call: Call, options: Mapping[str, Any], where: str) -> Building[Node | None]:
        """Return a call of a component, without its inputs."""
        found = self.resolver.component(call.function, at_place("call"), where)
        component: Loaded | None = yield from _or_a_module(found, call.function, self.tables.modules)
        if component is None:
            return None
        stateful = inspect.isclass(component.value)
        taking = component.signature
        if stateful:
            taking = method_signature(getattr(component.value, "forward", component.value))
        given, ignore = (0, []) if stateful else (len(call.inputs), required_inputs(taking))
        shown = f"{component.name} ({component.origin})"
        yield from check_inputs(taking, len(call.inputs), where=where, name=shown)
        made = yield from self.resolver.options(options, where)
        node = Node(call.function, component, made, (), where, options)
        yield from self.resolver.check_options(node, options, given, ignore)
        return node


def _or_a_module(building: Building[Made], name: str, modules: Iterable[str]) -> Building[Made]:
    """Return the builder's result; an error for a name that was not found also lists modules with similar names, or
    states that a component is needed."""
    while True:
        try:
            problem = next(building)
        except StopIteration as end:
            made: Made = end.value
            return made
        near = closest(name, modules)
        hint = f"; of the modules{near}" if "did you mean" in near else ""
        if any(one.name == name and one.kind in at_place("module") for one in components()):
            hint = f'; write a table, `[modules.NAME]` with `use = "{name}"`, and call NAME'
        yield Problem(problem.where, problem.message + hint)


def _namespace(resolver: Resolver, tables: RecipeTables) -> Iterator[Problem]:
    places: dict[str, Iterable[str]] = {
        "a field of the data": resolver.fields,
        "a module": tables.modules,
        "a tensor": tables.tensors,
    }
    seen: dict[str, str] = {}
    for place, table in places.items():
        for name in table:
            if name in seen:
                kind = "tensors" if place == "a tensor" else "modules"
                message = f"{name!r} is {seen[name]} already; tensors, modules and fields share one namespace"
                yield Problem(f"{kind}.{name}", message)
            seen.setdefault(name, place)


def _cycles(tensors: Mapping[str, Expression]) -> Iterator[Problem]:
    """Yield tensors that read themselves, and chains of tensors that are too deep to compute."""
    depths: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> Iterator[Problem]:
        if name in path:
            loop = (*path[path.index(name) :], name)
            if not set(loop) & depths.keys():
                depths.update(dict.fromkeys(loop, 0))
                yield Problem(f"tensors.{name}", f"reads itself: {' -> '.join(loop)}")
        elif name in tensors and name not in depths:
            expression, depth = tensors[name], DEEPEST_CHAIN + 1
            if len(path) < DEEPEST_CHAIN:
                for inner in dict.fromkeys(names(expression)):
                    yield from visit(inner, (*path, name))
                depth = _depth(expression, depths) + isinstance(expression, Name)
            if depth > DEEPEST_CHAIN:
                yield Problem(f"tensors.{name}", f"reads tensors through more than {DEEPEST_CHAIN} calls")
                depth = 0  # reported once, not for all its readers
            depths[name] = depth

    for name in tensors:
        yield from visit(name, ())


def _depth(expression: Expression, depths: Mapping[str, int]) -> int:
    """Return the depth of nested calls in an expression, given the `depths` of tensors."""
    if isinstance(expression, Name):
        return depths.get(expression.name, 0)
    return 1 + max((_depth(part, depths) for part in expression.inputs), default=0)


def method_signature(method: Callable[..., Any]) -> Signature:
    """Return the signature of a class's method, without `self`."""
    signature = signature_of(method)
    parameters = dict(signature.parameters)
    parameters.pop("self", None)
    return Signature(parameters, signature.types)
