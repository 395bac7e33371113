"""Components as a recipe uses them: found, loaded, their options checked, their `@` references replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from semreg.core import Problem, Specification, UserError, closest
from semreg.core.errors import MOST_PROBLEMS
from semreg.core.registry import Component, find, load, with_article
from semreg.recipe.expression import Call, parse
from semreg.recipe.options import Signature, check_options, signature_of
from semreg.recipe.plan import Node, Part
from semreg.recipe.schema import ComponentTable


class Parts:
    """The mistakes found so far, and all that a recipe's names of components mean.

    Args:
        source: the recipe's path, for messages.

    `fields` is what the data set says of itself, empty until that is known.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.fields: Specification = {}
        self._references: dict[str, str] = {}
        self._found: dict[tuple[str, tuple[str, ...]], tuple[Component, Any, Signature | None]] = {}

    def wrong(self, where: str, message: str) -> None:
        self.tell([Problem(where, message)])

    def tell(self, problems: Iterable[Problem]) -> None:
        """Add mistakes, each with the `@` reference that its value came from; raise them once there are too many."""
        for problem in problems:
            text = self._references.get(problem.where)
            read = f" (read from {text!r})" if text else ""
            self.problems.append(Problem(problem.where, problem.message + read))
        if len(self.problems) >= MOST_PROBLEMS:
            different = list(dict.fromkeys(self.problems))
            if len(different) >= MOST_PROBLEMS:
                raise UserError(self.source, different[:MOST_PROBLEMS])

    def stop_if_wrong(self) -> None:
        if self.problems:
            raise UserError(self.source, list(dict.fromkeys(self.problems)))

    def part(self, name: str, kinds: Sequence[str], options: Mapping[str, Any], where: str) -> Part | None:
        """The component called `name` with the recipe's options, its `@` references replaced."""
        try:
            component, value, signature = self.found(name, tuple(kinds))
        except LookupError as error:
            self.wrong(where, str(error))
            return None
        except UserError as error:
            self.wrong(where, error.text())
            return None
        if signature is None:
            self.wrong(where, f"{component.origin}'s {component.kind} {name!r} is neither a function nor a class")
            return None
        return Part(component, value, signature, self.referenced(options, where))

    def found(self, name: str, kinds: tuple[str, ...]) -> tuple[Component, Any, Signature | None]:
        """A component, what it loads, and the signature of that if it can be called; each is looked up once."""
        if (name, kinds) not in self._found:
            component = find(name, kinds)
            value = load(component)
            self._found[name, kinds] = component, value, signature_of(value) if callable(value) else None
        return self._found[name, kinds]

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
        self._references[where] = text
        return keys[key]

    def check_part(self, part: Part, inputs: int, where: str, ignore: Sequence[str] = ()) -> None:
        name = f"{part.component.name} ({part.component.origin})"
        self.tell(check_options(part.signature, part.options, inputs=inputs, where=where, name=name, ignore=ignore))

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
            self.wrong(where, f"{table.use!r} is not {with_article(kind)} called with names; write {kind}(a, b)")
            return None
        part = self.part(expression.function, (kind,), table.options, where)
        if part is None:
            return None
        return Node(name, expression, part.options, where), part
