"""The modules, tensors and losses of a recipe: every name resolved, no cycle, and what a gradient reaches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from semreg.core import closest
from semreg.core.kinds import at_place
from semreg.recipe.expression import Call, Expression, Name, calls, names, parse
from semreg.recipe.options import Signature, check_inputs, check_options, required_inputs, signature_of
from semreg.recipe.plan import ModulePlan, Node, Part
from semreg.recipe.resolve import Parts
from semreg.recipe.schema import ComponentTable, RecipeTables

DEEPEST_CHAIN = 100
"""Calls inside each other in one tensor, through the tensors that it reads."""


class Graph:
    """The named expressions of a recipe, checked as they are added; mistakes go to `parts`."""

    def __init__(self, parts: Parts, tables: RecipeTables) -> None:
        self.parts, self.tables = parts, tables
        self.callables: dict[str, Part] = {}
        self.modules: dict[str, ModulePlan] = {}
        self.tensors: dict[str, Node] = {}
        self.losses: dict[str, Node] = {}
        self.readable = frozenset({*parts.fields, *tables.modules, *tables.tensors})
        self._reached: dict[frozenset[str], dict[str, frozenset[str]]] = {}
        for name in tables.modules:
            self.add_module(name)
        self.add_nodes()
        self.check_namespace()
        self.check_cycles()

    def add_module(self, name: str) -> None:
        table, where = self.tables.modules[name], f"modules.{name}"
        if not name.isidentifier():
            return self.parts.wrong(where, f"{name!r} cannot be called in an expression; use letters, digits and '_'")
        part = self.parts.part(table.use, at_place("module"), table.options, where)
        if part is None:
            return None
        self.parts.check_part(part, 0, where)
        self.modules[name] = ModulePlan(name, part, table.ema, table.weights)
        return None

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
            return self.parts.wrong(where, f"{name!r} cannot be read in an expression; use letters, digits and '_'")
        try:
            expression = parse(table.use)
        except ValueError as error:
            return self.parts.wrong(where, str(error))
        if isinstance(expression, Name) and (nodes is self.losses or table.options):
            return self.parts.wrong(where, f"{table.use!r} calls nothing; write {table.use}(…) with its inputs")
        nodes[name] = Node(name, expression, self.parts.referenced(table.options, where), where)
        return None

    def check_node(self, node: Node) -> None:
        for name in names(node.expression):
            if name not in self.readable:
                self.parts.wrong(
                    node.where, f"{str(node.expression)!r}: nothing is called {name!r}{closest(name, self.readable)}"
                )
        for call in calls(node.expression):
            self.check_call(call, node)

    def check_call(self, call: Call, node: Node) -> None:
        outermost = call is node.expression
        options = node.options if outermost else {}
        if call.function in self.modules:
            part = self.modules[call.function].part
            if outermost and options:
                self.parts.wrong(
                    node.where, f"{call.function} is a module: its options belong under modules.{call.function}"
                )
            forward = getattr(part.value, "forward", None)
            if forward is not None:
                signature = method_signature(forward)
                self.parts.tell(check_inputs(signature, len(call.inputs), where=node.where, name=call.function))
            return
        if call.function in self.tables.modules:
            return  # its own mistake is reported where it stands
        if call.function not in self.callables:
            found = self.parts.part(call.function, at_place("call"), {}, node.where)
            if found is None:
                self.suggest_module(call.function)
                return
            self.callables[call.function] = found
        part = self.callables[call.function]
        name = f"{part.component.name} ({part.component.origin})"
        stateful = inspect.isclass(part.value)
        taking = method_signature(getattr(part.value, "forward", part.value)) if stateful else part.signature
        inputs, ignore = (0, []) if stateful else (len(call.inputs), required_inputs(taking))
        self.parts.tell(check_inputs(taking, len(call.inputs), where=node.where, name=name))
        self.parts.tell(
            check_options(part.signature, options, inputs=inputs, where=node.where, name=name, ignore=ignore)
        )

    def suggest_module(self, name: str) -> None:
        near = closest(name, self.tables.modules)
        if "did you mean" in near:
            last = self.parts.problems.pop()
            self.parts.wrong(last.where, last.message + f"; of the modules{near}")

    def check_namespace(self) -> None:
        places: dict[str, Iterable[str]] = {
            "a field of the data": self.parts.fields,
            "a module": self.tables.modules,
            "a tensor": self.tables.tensors,
        }
        seen: dict[str, str] = {}
        for place, table in places.items():
            for name in table:
                if name in seen:
                    kind = "tensors" if place == "a tensor" else "modules"
                    self.parts.wrong(
                        f"{kind}.{name}",
                        f"{name!r} is {seen[name]} already; tensors, modules and fields share one namespace",
                    )
                seen.setdefault(name, place)

    def check_cycles(self) -> None:
        """Tensors that read themselves, and chains of tensors too long to be computed one inside another."""
        depths: dict[str, int] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                loop = (*path[path.index(name) :], name)
                if not set(loop) & depths.keys():
                    depths.update(dict.fromkeys(loop, 0))
                    self.parts.wrong(f"tensors.{name}", f"reads itself: {' -> '.join(loop)}")
            elif name in self.tensors and name not in depths:
                expression, depth = self.tensors[name].expression, DEEPEST_CHAIN + 1
                if len(path) < DEEPEST_CHAIN:
                    for inner in dict.fromkeys(names(expression)):
                        visit(inner, (*path, name))
                    depth = _depth(expression, depths) + isinstance(expression, Name)
                if depth > DEEPEST_CHAIN:
                    self.parts.wrong(f"tensors.{name}", f"reads tensors through more than {DEEPEST_CHAIN} calls")
                    depth = 0  # told once, not for all that read it
                depths[name] = depth

        for name in self.tensors:
            visit(name, ())

    def reach(self, expression: Expression, leaves: frozenset[str]) -> frozenset[str]:
        """The modules that a gradient of the expression reaches; `leaves` are tensors computed beforehand."""
        known = self._reached.setdefault(leaves, {})

        def reached(part: Expression) -> frozenset[str]:
            if isinstance(part, Name):
                if part.name in self.modules:
                    return frozenset({part.name})
                if part.name not in self.tensors or part.name in leaves:
                    return frozenset()
                if part.name not in known:
                    known[part.name] = reached(self.tensors[part.name].expression)
                return known[part.name]
            own = frozenset({part.function} & self.modules.keys())
            if not own and getattr(self.callables[part.function].value, "cuts_gradient", False):
                return frozenset()
            return own.union(*map(reached, part.inputs))

        return reached(expression)


def _depth(expression: Expression, depths: Mapping[str, int]) -> int:
    """How many calls are inside each other in an expression, where tensors are as deep as `depths` says."""
    if isinstance(expression, Name):
        return depths.get(expression.name, 0)
    return 1 + max((_depth(part, depths) for part in expression.inputs), default=0)


def method_signature(method: Callable[..., Any]) -> Signature:
    """The signature of a class's method, without `self`."""
    signature = signature_of(method)
    parameters = dict(signature.parameters)
    parameters.pop("self", None)
    return Signature(parameters, signature.types)
