"""The additions of `--with` to a recipe: a partial recipe by its path, or a loss by its name with inputs by role."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg.core import AttributesField, ClassField, Role, UserError, closest
from semreg.core.options import Signature, required_inputs, signature_of
from semreg.core.registry import find, load
from semreg.recipe.bounds import TomlTable
from semreg.recipe.expression import Call, Expression, Name, calls, names, parse
from semreg.recipe.graph import method_signature
from semreg.recipe.inputs import Unsaid, left_to_roles, roles_of
from semreg.recipe.load import load_recipe
from semreg.recipe.names import find_recipe
from semreg.recipe.plan import Plan, Read, uses
from semreg.tables.mixing.carrier import ClassCarrier

MOST = 3
_LOSS = re.compile(r"losses\.(?P<name>\w+)\s*(?P<inputs>\(.*\))?\s*(?:=(?P<weight>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Addition:
    """An addition to a recipe: a recipe file that it would extend, or a table.

    `title` names it in a table, `losses` are those that it adds, and `summary` describes it.
    """

    name: str
    title: str
    path: Path | None
    table: TomlTable
    losses: frozenset[str]
    summary: str


def additions_of(
    texts: Iterable[str], plan: Plan, carrier: ClassCarrier, overrides: Sequence[str] = ()
) -> list[Addition]:
    """Return the additions to the recipe of a plan that texts such as "losses.atnl=30,partial/occlusion" mean.

    `overrides` are the user's, including options of the added losses. Raises UserError.
    """
    said = [part for text in texts for part in _split(text) if part]
    if not said:
        raise UserError(
            "--with", "no addition is given; write losses.NAME[=WEIGHT], or the name or path of a partial recipe"
        )
    if len(said) > MOST:
        runs = 1 + len(said) + math.comb(len(said), 2)
        raise UserError("--with", f"{len(said)} additions and their pairs make {runs} recipes; expected at most {MOST}")
    additions = [_addition(text, plan, carrier, overrides) for text in said]
    seen: set[str] = set()
    for addition in additions:
        brought = {addition.name, *addition.losses}
        if brought & seen:
            raise UserError("--with", f"{min(brought & seen)!r} would be added twice")
        seen |= brought
    return additions


def _split(text: str) -> Iterator[str]:
    """Split a text at the commas outside brackets."""
    part, depth = "", 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            yield part.strip()
            part = ""
        else:
            part += character
    yield part.strip()


def _addition(said: str, plan: Plan, carrier: ClassCarrier, overrides: Sequence[str]) -> Addition:
    if not said.startswith("losses."):
        return _partial(said, plan)
    found = _LOSS.fullmatch(said)
    if found is None:
        raise UserError(f"--with {said}", "write losses.NAME, losses.NAME=WEIGHT or losses.NAME(INPUTS)=WEIGHT")
    return _loss(said, found["name"], found["inputs"], _weight(said, found["weight"]), plan, carrier, overrides)


# --- a partial recipe ---


def _partial(said: str, plan: Plan) -> Addition:
    try:
        path = find_recipe(said, Path(), plan.recipe.path.parent)
    except LookupError as error:
        raise UserError(f"--with {said}", f"{error}; a loss is added by losses.NAME[=WEIGHT]") from None
    table = load_recipe(path).table
    brought = table.get("losses", {})
    new = frozenset(brought if isinstance(brought, dict) else {}) - plan.losses.keys()
    return Addition(path.stem, path.stem, path, table, new, f"what {said} says")


# --- a loss ---


def _weight(said: str, text: str | None) -> float:
    try:
        weight = 1.0 if text is None else float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or not weight:
        raise UserError(f"--with {said}", f"{text!r} is not a weight; write a number, as in losses.NAME=0.5")
    return weight


def _loss(
    said: str, name: str, inputs: str | None, weight: float, plan: Plan, carrier: ClassCarrier, overrides: Sequence[str]
) -> Addition:
    where = f"--with {said}"
    if name in plan.losses:
        raise UserError(where, f"the recipe has a loss {name!r} already; its weights are changed by --set")
    kind, options, taking = _signatures(name, where)
    owner = "losses"
    if kind == "criterion":
        owner = "modules"
        if name in {*plan.modules, *plan.tensors, *plan.fields}:
            raise UserError(where, f"the recipe calls something else {name!r}; add it by a partial recipe")
    expression = _wired(name, taking, plan, carrier, where) if inputs is None else _given(name + inputs, where)
    label = next((read for read in names(expression) if isinstance(plan.fields.get(read), ClassField)), carrier.label)
    given = [text.partition("=")[0].strip() for text in overrides]
    whole: TomlTable = {"losses": {name: {"use": str(expression)}}}
    rows = _rows(expression, plan, where)
    if owner == "modules":
        whole["modules"] = {name: {"use": name}}
        rows += dict.fromkeys((*row[:-1], name) for row in rows)  # where its code is trained, so is it
    whole[owner][name] |= _options(f"{owner}.{name}", options, taking, label, given, where)
    for *keys, module in rows:
        place = whole
        for key in keys:
            place = place.setdefault(key, {})
        place[module] = {name: weight}
    trained = ", ".join(dict.fromkeys(row[-1] for row in rows))
    wired = f"{expression} trains {trained}, weight {weight:g}"
    return Addition(name, said.removeprefix("losses."), None, whole, frozenset({name}), wired)


def _signatures(name: str, where: str) -> tuple[str, Signature, Signature]:
    """Return the kind of a loss or criterion, the signature of its options, and that of its inputs."""
    try:
        component = find(name, ("loss", "criterion"))
        value = load(component)
    except LookupError as error:
        raise UserError(where, str(error)) from None
    if not callable(value):
        raise UserError(where, "this loss is neither a function nor a class")
    options = signature_of(value)
    taking = method_signature(getattr(value, "forward", value)) if inspect.isclass(value) else options
    return component.kind, options, taking


def _given(text: str, where: str) -> Expression:
    try:
        return parse(text)
    except ValueError as error:
        raise UserError(where, str(error)) from None


def _wired(name: str, taking: Signature, plan: Plan, carrier: ClassCarrier, where: str) -> Expression:
    """Return the loss called with the tensors that have its inputs' roles in the recipe's `[model]`."""
    needed = required_inputs(taking)
    by_hand = f"write its inputs, losses.{name}({', '.join(needed) or 'a, b'}), with the recipe's names for them"
    if not needed:
        raise UserError(where, f"it takes any number of inputs; {by_hand}")
    for parameter in needed:
        if not roles_of(taking, parameter):
            raise UserError(
                where, f"its input {parameter!r} matches no role of [model]; {by_hand}, or a partial recipe"
            )
    try:
        found = left_to_roles(taking, (), carrier.roles, plan.fields)
    except Unsaid as unsaid:
        labelled = any(Role.LABEL in roles_of(taking, parameter) for parameter in needed)
        why = carrier.reason if labelled and carrier.reason else unsaid
        raise UserError(where, f"its inputs can't be derived: {why}; or {by_hand}") from None
    return Call(name, tuple(map(Name, found)))


def _options(
    table: str, options: Signature, taking: Signature, label: str | None, given: Sequence[str], where: str
) -> TomlTable:
    """Return options that the field of classes determines. Raises UserError for another required option not given."""
    inputs = {parameter.name for parameter in taking.inputs()} if options is taking else set()
    found = {}
    for key, parameter in options.parameters.items():
        if key in inputs | options.filled or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        needed = parameter.default is inspect.Parameter.empty
        place = f"{table}.{key}"
        asked = roles_of(options, key)
        if Role.CLASSES in asked and label:
            found[key] = f"@{label}.classes"
        elif Role.ORDER in asked and needed and label:
            found[key] = f"@{label}.order"
        elif needed and not any(text == place or text.startswith(f"{place}.") for text in given):
            raise UserError(where, f"it needs the option {key!r}; give it by --set {place}=VALUE")
    return found


def _rows(expression: Expression, plan: Plan, where: str) -> list[tuple[str, ...]]:
    """Return the keys of the rows for the loss: in each phase, each module's in the last step that trains it."""
    inputs = [Read(name) for name in names(expression)]
    found = uses(inputs, plan.tensors)
    trained = {*found.read, *found.modules, *(call.function for call in calls(expression))}
    known = {*plan.tensors, *plan.fields, *plan.modules}
    for name in sorted(found.read - known):
        raise UserError(where, f"nothing in the recipe is called {name!r}{closest(name, known)}")
    labelled = any(isinstance(plan.fields[name], ClassField | AttributesField) for name in plan.fields_of(inputs))
    rows = []
    for phase in plan.phases:
        single = "train" in plan.table["phases"][phase.name]
        for module in [name for name in plan.modules if name in trained]:
            steps = [step.name for step in phase.steps if module in step.rows]
            if steps and not (labelled and phase.unlabelled):
                train = ("phases", phase.name, *(("train",) if single else ("steps", steps[-1], "train")))
                _require_writable(plan.recipe.table, train, module, where)
                rows.append((*train, module))
    if not rows:
        raise UserError(where, f"{expression} depends on no module that the recipe trains")
    return rows


def _require_writable(table: Any, train: Sequence[str], module: str, where: str) -> None:
    """Raise UserError for a row that `[each]` writes out: a recipe that extends this one can't add to it."""
    for key in train:
        table = table.get(key) if isinstance(table, dict) else None
    if isinstance(table, dict) and module not in table and any("{" in key for key in table):
        message = f"the recipe writes the row of {module!r} by [each], and an addition can't change only one of those"
        raise UserError(where, f"{message}; a partial recipe can add to all of them")
