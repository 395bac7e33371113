"""What a recipe names, resolved: components found and loaded, their options checked, their `@` references replaced.

A builder is a generator: it yields each mistake that it finds and returns what it made, None where that can't be made.
`settle` gets the one and raises the other.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from semreg.core import Problem, Roles, Specification, UserError, closest
from semreg.core.errors import MOST_PROBLEMS, cause_of
from semreg.core.options import FILLED_BY_ENGINE, check_inputs, check_options, required_inputs, signature_of
from semreg.core.registry import find, load, with_article
from semreg.recipe.component_errors import shown
from semreg.recipe.expression import Call, Name, parse
from semreg.recipe.inputs import Unsaid, left_to_roles
from semreg.recipe.plan import Loaded, Node, Read
from semreg.recipe.process_state import process_state_kept

Made = TypeVar("Made")
Building = Generator[Problem, None, Made]


def settle(building: Building[Made], source: str) -> Made:
    """What a builder makes. Raises UserError with the mistakes that it finds, and stops it once there are too many."""
    problems: dict[Problem, None] = {}
    while len(problems) < MOST_PROBLEMS:
        try:
            problems[next(building)] = None
        except StopIteration as end:
            if problems:
                break
            made: Made = end.value
            return made
    raise UserError(source, list(problems))


def survey(building: Building[Made]) -> tuple[Made, list[Problem]]:
    """What a builder makes, as far as it can, and the mistakes that it finds."""
    problems: dict[Problem, None] = {}
    while True:
        try:
            problems[next(building)] = None
        except StopIteration as end:
            made: Made = end.value
            return made, list(problems)


class Resolver:
    """Finds the components of one recipe, each once. `fields` are what the data say of them, for `@` references."""

    def __init__(self, fields: Specification) -> None:
        self.fields = fields
        self._found: dict[tuple[str, tuple[str, ...]], Loaded | str] = {}

    def component(self, name: str, kinds: Sequence[str], where: str) -> Building[Loaded | None]:
        """The component called `name` among kinds that share a place."""
        key = (name, tuple(kinds))
        if key not in self._found:
            self._found[key] = loaded(name, kinds)
        found = self._found[key]
        if isinstance(found, str):
            yield Problem(where, found)
            return None
        return found

    def node(
        self,
        name: str,
        kinds: Sequence[str],
        options: Mapping[str, Any],
        where: str,
        *,
        filled: int = 0,
        inputs: tuple[Read, ...] = (),
        ignore: Collection[str] = (),
    ) -> Building[Node | None]:
        """A call of a component in a table of its own, its options checked.

        `filled` of its inputs are given by the engine; parameters in `ignore` are neither needed nor possible.
        """
        component = yield from self.component(name, kinds, where)
        if component is None:
            return None
        node = Node(name, component, (yield from self.options(options, where)), inputs, where, options)
        yield from self.check_options(node, options, filled + len(inputs), ignore)
        return node

    def call(
        self,
        use: str,
        kind: str,
        options: Mapping[str, Any],
        where: str,
        *,
        ignore: Collection[str] = (),
        roles: Roles | None = None,
    ) -> Building[Node | None]:
        """`use = "component(name, ...)"` of a kind with its own table; `roles` say inputs left out."""
        try:
            expression = parse(use if "(" in use else f"{use}()")
        except ValueError as error:
            yield Problem(where, str(error))
            return None
        if not isinstance(expression, Call) or any(isinstance(part, Call) for part in expression.inputs):
            yield Problem(where, f"{use!r} is not {with_article(kind)} called with names; write {kind}(a, b)")
            return None
        component = yield from self.component(expression.function, (kind,), where)
        if component is None:
            return None
        signature = component.signature
        names = [part.name for part in expression.inputs if isinstance(part, Name)]
        reason = ""
        try:
            names += left_to_roles(signature, names, roles, self.fields) if roles is not None else ()
        except Unsaid as unsaid:
            reason = f": {unsaid}"
        for problem in check_inputs(signature, len(names), where=where, name=shown(component)):
            yield replace(problem, message=problem.message + reason)
        inputs = tuple(map(Read, names))
        ignored = (*ignore, *required_inputs(signature))
        return (yield from self.node(expression.function, (kind,), options, where, inputs=inputs, ignore=ignored))

    def check_options(
        self, node: Node, written: Mapping[str, Any], inputs: int, ignore: Collection[str] = ()
    ) -> Iterable[Problem]:
        """Mistakes in a node's options, which are `written` in the recipe, for a call with so many inputs."""
        component = node.loaded
        found = check_options(
            component.signature,
            node.options,
            inputs=inputs,
            where=node.where,
            name=shown(component),
            ignore=FILLED_BY_ENGINE.union(ignore),
            unread=[key for key, value in node.options.items() if value is None],  # `@` references, told already
        )
        for problem in found:
            yield with_reference(problem, written, node.where)

    def options(self, options: Mapping[str, Any], where: str) -> Building[dict[str, Any]]:
        """Options with `@field.key` replaced by what the data's specification says."""
        made = {}
        for key, value in options.items():
            made[key] = yield from self._replaced(value, f"{where}.{key}")
        return made

    def _replaced(self, value: Any, where: str) -> Building[Any]:
        if isinstance(value, str) and value.startswith("@"):
            return (yield from self._reference(value, where))
        if isinstance(value, dict):
            return (yield from self.options(value, where))
        if isinstance(value, list):
            made = []
            for inner in value:
                made.append((yield from self._replaced(inner, where)))
            return made
        return value

    def _reference(self, text: str, where: str) -> Building[Any]:
        name, _, key = text[1:].partition(".")
        if name not in self.fields:
            yield Problem(where, f"{text!r}: the data have no field {name!r}{closest(name, self.fields)}")
            return None
        keys = self.fields[name].references()
        if key not in keys:
            yield Problem(where, f"{text!r}: {name} has no {key!r}{closest(key, keys)}")
            return None
        return keys[key]


def with_reference(problem: Problem, written: Mapping[str, Any], where: str) -> Problem:
    """A mistake of an option, with the `@` reference that its value was read from, if it was."""
    value: Any = written
    for key in problem.where.removeprefix(where).split(".")[1:]:
        value = value.get(key) if isinstance(value, Mapping) else None
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    references = [text for text in texts if text.startswith("@")]
    return Problem(problem.where, f"{problem.message} (read from {references[-1]!r})") if references else problem


def loaded(name: str, kinds: Sequence[str]) -> Loaded | str:
    """A component with what it loads, or why it can't be had."""
    try:
        component = find(name, kinds)
        with process_state_kept():
            value = load(component)
    except LookupError as error:
        return str(error)
    except UserError as error:
        return error.text()
    if not callable(value):
        return f"{component.origin}'s {component.kind} {name!r} is neither a function nor a class"
    try:
        signature = signature_of(value)
    except (TypeError, ValueError) as error:
        return f"{component.origin}'s {component.kind} {name!r} has no signature: {cause_of(error)}"
    return Loaded(**vars(component), value=value, signature=signature)
