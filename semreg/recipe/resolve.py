"""Resolves the names in a recipe: finds and loads components, checks their options, replaces their `@` references.

A builder is a generator: it yields each error that it finds and returns its result, None if it can't be made. `settle`
returns the result and raises the errors.
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
    """Return the builder's result. Raises UserError with its errors, and stops the builder once there are too many."""
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
    """Return the builder's result, as far as it can be made, and its errors."""
    problems: dict[Problem, None] = {}
    while True:
        try:
            problems[next(building)] = None
        except StopIteration as end:
            made: Made = end.value
            return made, list(problems)


class Resolver:
    """Finds the components of one recipe, each once. `fields` is the data's specification, for `@` references."""

    def __init__(self, fields: Specification) -> None:
        self.fields = fields
        self._found: dict[tuple[str, tuple[str, ...]], Loaded | str] = {}

    def component(self, name: str, kinds: Sequence[str], where: str) -> Building[Loaded | None]:
        """Find the component called `name` among kinds that share a place."""
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
        """Build a call of a component in its own table, and check its options.

        The engine fills in `filled` of its inputs; parameters in `ignore` are neither needed nor possible.
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
        """Build `use = "component(name, ...)"` of a kind with its own table; `roles` supply missing inputs."""
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
        """Return the errors in a node's options, as `written` in the recipe, for a call with so many inputs."""
        component = node.loaded
        found = check_options(
            component.signature,
            node.options,
            inputs=inputs,
            where=node.where,
            name=shown(component),
            ignore=FILLED_BY_ENGINE.union(ignore),
            unread=[key for key, value in node.options.items() if value is None],  # `@` references, already reported
        )
        for problem in found:
            yield with_reference(problem, written, node.where)

    def options(self, options: Mapping[str, Any], where: str) -> Building[dict[str, Any]]:
        """Return options with `@field.key` replaced by values from the data's specification."""
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
    """Add the `@` reference of an option's value to its error, if there is one."""
    value: Any = written
    for key in problem.where.removeprefix(where).split(".")[1:]:
        value = value.get(key) if isinstance(value, Mapping) else None
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    references = [text for text in texts if text.startswith("@")]
    return Problem(problem.where, f"{problem.message} (read from {references[-1]!r})") if references else problem


def loaded(name: str, kinds: Sequence[str]) -> Loaded | str:
    """Return a component with its loaded value, or the reason why it can't be loaded."""
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
