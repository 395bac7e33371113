"""The roles in a recipe's `[model]`, checked."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from semreg.core import (
    AttributesField,
    ClassField,
    ImageField,
    Problem,
    Role,
    Roles,
    Specification,
    VectorField,
    closest,
)
from semreg.core.registry import with_article
from semreg.recipe.graph import Graph
from semreg.recipe.inputs import LINES, priors_asked, roles_of_inputs
from semreg.recipe.plan import Node, Read, Value
from semreg.recipe.resolve import Building, Resolver
from semreg.recipe.schema import ModelTable

INPUTS_OF_INTERPOLATORS = 3
"""The two codes and the weight."""


def build_roles(resolver: Resolver, graph: Graph, table: ModelTable | None) -> Building[Roles]:
    """Build the roles of a recipe, as far as they are valid."""
    if table is None:
        return Roles()
    problems = [*_named(resolver.fields, graph, table), *_attributes(resolver.fields, table)]
    problems += _fitted(resolver.fields, graph, table)
    if not any(dict(table).values()):
        problems.append(Problem("model", "is empty; leave it out, or name at least an input, a code or an output"))
    yield from problems
    return Roles(
        table.input, table.target or table.input, tuple(table.code), table.output, table.prior, table.posterior,
        table.attributes, table.sample, (yield from _interpolator(resolver, table)),
    )  # fmt: skip


def _named(fields: Specification, graph: Graph, table: ModelTable) -> Iterator[Problem]:
    """Yield the names that don't exist in the role that `[model]` gives them."""
    tensors: Mapping[str, object] = {**graph.tensors, **fields}
    named = {"target": table.target, "output": table.output, "sample": table.sample}
    places: dict[str, tuple[str, Mapping[str, object], str]] = {}
    places |= {f"model.{key}": (name, tensors, "a tensor") for key, name in named.items() if name}
    if table.input:
        images = {name: field for name, field in fields.items() if isinstance(field, ImageField | VectorField)}
        places["model.input"] = (table.input, images, "a field of images or vectors")
    places |= {f"model.code.{k}": (name, tensors, "a tensor") for k, name in enumerate(table.code)}
    places |= {f"model.posterior.{key}": (name, tensors, "a tensor") for key, name in table.posterior.items()}
    priors = {name: one for name, one in graph.modules.items() if one.node.loaded.kind == "prior"}
    places |= {f"model.prior.{key}": (name, priors, "a prior") for key, name in table.prior.items()}
    everything = {**graph.modules, **tensors}
    for where, (name, known, wanted) in places.items():
        if name not in everything:
            yield Problem(where, f"nothing is called {name!r}{closest(name, known)}")
        elif name not in known:
            yield Problem(where, f"{name!r} is {_kind(name, fields, graph)}, not {wanted}{closest(name, known)}")
    for key, codes in {"prior": table.prior, "posterior": table.posterior}.items():
        for code in codes:
            if code not in table.code:
                yield Problem(f"model.{key}.{code}", f"{code!r} is none of `code`{closest(code, table.code)}")
    if table.sample in graph.tensors:
        read = sorted(
            name
            for name in contents(graph.tensors, fields, Read(table.sample))
            if not isinstance(fields[name], ClassField | AttributesField)
        )
        if read:
            message = f"{table.sample!r} is computed from {read[0]!r} of the data; a sample depends only on priors"
            yield Problem("model.sample", message)


def _attributes(fields: Specification, table: ModelTable) -> Iterator[Problem]:
    labels = {name for name, field in fields.items() if isinstance(field, ClassField | AttributesField)}
    for label, code in table.attributes.items():
        where = f"model.attributes.{label}"
        if label not in labels:
            yield Problem(where, f"{label!r} is not a label of the data{closest(label, labels)}")
        if code not in table.code:
            yield Problem(where, f"{code!r} is none of `code`{closest(code, table.code)}")


def _fitted(fields: Specification, graph: Graph, table: ModelTable) -> Iterator[Problem]:
    """Yield priors of classes that would be fitted without them, after training."""
    classes = {name for name, field in fields.items() if isinstance(field, ClassField)}
    for code, name in table.prior.items():
        node = graph.modules[name].node if name in graph.modules else None
        if node is None or not hasattr(node.loaded.value, "fit") or not node.options.get("classes"):
            continue
        own = [label for label, of in table.attributes.items() if of == code and label in classes]
        if len(own) != 1:
            found = f"`attributes` names {' and '.join(own) or 'none'}; name one, or leave out `classes`"
            yield Problem(
                f"model.prior.{code}", f"{name!r} is fitted to the classes of one label of {code!r}, and {found}"
            )


def _interpolator(resolver: Resolver, table: ModelTable) -> Building[Mapping[str, Any]]:
    chosen, where = table.interpolator, "model.interpolator"
    if chosen is None:
        return {}
    component = yield from resolver.component(chosen.use, ("interpolator",), where)
    filled = 0 if component is None or inspect.isclass(component.value) else INPUTS_OF_INTERPOLATORS
    priors = [] if component is None else priors_asked(component.signature)
    if priors and not table.prior:
        yield Problem(where, f"{chosen.use} needs the prior of a code; name it by `{LINES[Role.PRIOR]}`")
    node = yield from resolver.node(chosen.use, ("interpolator",), chosen.options, where, filled=filled, ignore=priors)
    return {} if node is None else {"use": node.name, **node.options}


def _kind(name: str, fields: Specification, graph: Graph) -> str:
    if name in graph.modules:
        return with_article(graph.modules[name].node.loaded.kind)
    return f"a field of the data ({type(fields[name]).__name__})" if name in fields else "a tensor"


def contents(tensors: Mapping[str, Value], fields: Specification, value: Value) -> set[str]:
    """Return the fields of the data on whose values a value depends; some inputs only supply their shape."""
    found: set[str] = set()
    pending: list[Value] = [value]
    seen: set[str] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, Node):
            pending += _content_inputs(one)
        elif one.name in tensors and one.name not in seen:
            seen.add(one.name)
            pending.append(tensors[one.name])
        elif one.name in fields:
            found.add(one.name)
    return found


def _content_inputs(call: Node) -> list[Value]:
    if call.component is None:
        return list(call.inputs)
    roles = roles_of_inputs(call.component.signature)
    return [part for place, part in enumerate(call.inputs) if roles[place : place + 1] != [(Role.SHAPE,)]]
