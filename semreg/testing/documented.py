"""A component's description of itself: its signature, which recipes read, and its documentation, which people read."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from semreg.core import Problem
from semreg.core.kinds import KINDS
from semreg.core.options import FILLED_BY_ENGINE, Signature, check_inputs, check_options, signature_of
from semreg.core.registry import InstalledEntryPoint, installed_entry_points
from semreg.recipe.expression import why_unsaid
from semreg.testing.checks import Checks, require

_SHAPES = re.compile(r"`[^`]*\([^`)]*,[^`)]*\)[^`]*`|\bshapes?\b")
_RAISES = re.compile(r"\bRaises\b|\berrors? (are|is) those of\b")
_SOURCE = re.compile(
    r"\b(Source|Paper)\b|\bet al\.|\bEqs?\.|"
    r"\b([Ss]ections?|Algorithm|Tables?|Figs?\.|Figures?) [A-Z\d]|\b(1[89]|20)\d\d\b"
)


def check_description(checks: Checks, component: Any, inputs: int, options: Mapping[str, Any]) -> None:
    """Run the checks "signature", "documentation", "shapes" and "source", which calls and networks share."""
    checks.run("signature", check_signature, component, inputs, options)
    checks.run("documentation", check_documentation, component)
    checks.run("shapes", check_shapes, component)
    checks.run("source", check_source_named, component)


def check_signature(component: Any, inputs: int, options: Mapping[str, Any]) -> None:
    """Check that a recipe can call the component with this many inputs and these options.

    Errors must be able to list the options that would fit, and the names of its installed entry points must be valid.
    """
    signature, name = signature_of(component), getattr(component, "__name__", "the component")
    problems = [*_unsaid(component), *_unwritable(options), *_untyped(signature, inputs)]
    constructed = inspect.isclass(component)  # its inputs are those of `forward` or of the call
    if not constructed:
        problems += check_inputs(signature, inputs, where="inputs", name=name)
    taken = 0 if constructed else inputs
    given = _defaults(signature, taken) | dict(options)
    problems += check_options(signature, given, inputs=taken, where="options", name=name)
    require(not problems, "; ".join(f"{problem.where}: {problem.message}" for problem in problems))


def _unsaid(component: Any) -> list[Problem]:
    places = {kind.group: kind.place for kind in KINDS.values()}
    brought = [p for p in installed_entry_points(also_off=True) if p.group in places and _target(p) is component]
    told = [(point, why_unsaid(point.name, places[point.group])) for point in brought]
    return [
        Problem("name", f"no recipe can say {point.name!r}, as {point.origin} has it; {why}")
        for point, why in told
        if why
    ]


def _target(point: InstalledEntryPoint) -> Any:
    """Return an entry point's object, if its module is imported already."""
    module, _, attributes = map(str.strip, point.value.partition(":"))
    found: Any = sys.modules.get(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute, None)
    return found


def _defaults(signature: Signature, inputs: int) -> dict[str, Any]:
    """Return the defaults of the options, which must fit their own annotations."""
    taken = {parameter.name for parameter in signature.inputs()[:inputs]} | FILLED_BY_ENGINE
    return {
        key: parameter.default
        for key, parameter in signature.parameters.items()
        if key not in taken and parameter.default is not inspect.Parameter.empty
    }


def _unwritable(options: Mapping[str, Any]) -> list[Problem]:
    try:
        json.dumps(dict(options))
    except (TypeError, ValueError) as error:
        return [Problem("options", f"a recipe cannot hold them: {error}")]
    return []


def _untyped(signature: Signature, inputs: int) -> list[Problem]:
    problems = []
    for key, parameter in signature.parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            problems.append(Problem(key, "has no type annotation"))
        elif key not in signature.types:
            problems.append(Problem(key, f"its annotation {parameter.annotation!r} cannot be resolved"))
    generator = signature.parameters.get("generator")
    if generator is not None and generator.default is not None:
        problems.append(Problem("generator", "its default must be None"))
    return problems


def documentation(component: Any) -> str:
    """Return the component's docstring; for a class also those of its constructor and public methods."""
    parts = [inspect.getdoc(component) or ""]
    if inspect.isclass(component):
        parts += [
            inspect.getdoc(value) or ""
            for name, value in vars(component).items()
            if inspect.isfunction(value) and (name == "__init__" or not name.startswith("_"))
        ]
    return "\n\n".join(parts)


def check_documentation(component: Any) -> None:
    """Check that the component has its own docstring."""
    own = getattr(component, "__doc__", None)
    require(bool(own and own.strip()), "there is no docstring; `semreg show` prints it")


def check_shapes(component: Any) -> None:
    """Check that the docstring states the shapes of inputs and results."""
    require(bool(_SHAPES.search(documentation(component))), "the docstring names no shape, such as `(batch, code)`")


def check_source_named(component: Any) -> None:
    """Check that the docstring, or that of the module or package, states the source of the mathematics."""
    module = getattr(component, "__module__", "")
    outer = [inspect.getdoc(sys.modules.get(name)) or "" for name in (module, module.partition(".")[0])]
    found = any(map(_SOURCE.search, [documentation(component), *outer]))
    require(found, "neither its docstring nor its module's or package's names a source: a paper, a year, an equation")


def says_raises(component: Any) -> bool:
    """Return whether the docstring states when the component raises."""
    return bool(_RAISES.search(documentation(component)))
