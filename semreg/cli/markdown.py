"""`semreg list --markdown`: a page of tables of components, made from their code."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from semreg.cli.describe import describe
from semreg.core import UserError
from semreg.core.kinds import KINDS
from semreg.core.options import FILLED_BY_ENGINE, Signature, signature_of
from semreg.core.registry import Component, load, normalised
from semreg.recipe.check import FILLED_IN_COMPARISONS
from semreg.recipe.documentation import first_sentence
from semreg.recipe.inputs import priors_asked
from semreg.recipe.phases import FILLED_IN_SAMPLERS

FILLED_IN = {"sampler": FILLED_IN_SAMPLERS, "comparison": FILLED_IN_COMPARISONS}
"""Parameters that aren't options, by kind: semreg fills them in."""
HEAD = """# Components

`semreg list --markdown` made this page; `semreg show NAME` prints everything about one component. The inputs are in
parentheses, by position; inputs in brackets are optional. An option without a default is required, unless a `?`
follows it.
"""
TITLED = re.compile(r"(?P<paper>(?P<authors>[^*]+), \*[^*]+\*(?P<year> \(\d{4}\))?)(?P<place>.*)", re.DOTALL)
"""A source with the paper's title: the list of papers shows `paper`, the tables show `authors`, `year` and `place`."""


@dataclass(frozen=True)
class _Row:
    kind: str
    cells: tuple[str, ...]
    paper: str


def as_markdown(found: Iterable[Component]) -> tuple[str, list[str]]:
    """Import components; return a page with a table for each kind and a list of papers, and a list of errors.

    The page leaves out components that can't be imported; the errors explain why.
    """
    rows, problems = [], []
    owners = metadata.packages_distributions()
    for component in found:
        try:
            rows.append(_row(component, owners))
        except UserError as error:
            problems.append(error.text())
    lines = [HEAD]
    for kind in KINDS.values():
        cells = [row.cells for row in rows if row.kind == kind.name]
        if cells:
            title = kind.group.split(".", 1)[1].capitalize()
            lines += [f"## {title}\n", f"{kind.description[0].upper()}{kind.description[1:]}.\n"]
            lines += [*_table(("name", "options", "what it is", "source", "from"), cells), ""]
    papers = sorted({row.paper for row in rows if row.paper})
    if papers:
        lines += ["## Papers\n", *(f"* {paper}" for paper in papers), ""]
    return "\n".join(lines), problems


def _of_others(component: Component, value: Any, owners: Mapping[str, list[str]]) -> str:
    """Return the target of a component that belongs to another library, as `adam` does to PyTorch; otherwise ""."""
    for target in (
        component.target.replace(":", "."),
        f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}",
    ):
        holding = owners.get(target.split(".")[0], [])
        if holding and normalised(component.distribution) not in map(normalised, holding):
            return target
    return ""


def _row(component: Component, owners: Mapping[str, list[str]]) -> _Row:
    value = load(component)
    theirs = _of_others(component, value, owners)
    if theirs:
        return _Row(
            component.kind, (f"`{component.name}`", "", f"`{theirs}`, as it is", "", component.distribution), ""
        )
    description = describe(component)
    source = (description["source"] or "").removesuffix(".")
    titled = TITLED.fullmatch(source)
    if titled:
        source = f"{titled['authors']}{titled['year'] or ''}{titled['place']}"
    name, options = _call(component, signature_of(value)) if callable(value) else (component.name, "")
    what = first_sentence(description["documentation"])
    cells = (f"`{name}`", options, what, source, component.distribution)
    return _Row(component.kind, cells, titled["paper"] if titled else "")


def _call(component: Component, signature: Signature) -> tuple[str, str]:
    """Return the component as `use` writes it, and its options."""
    inputs = signature.inputs() if KINDS[component.kind].place not in ("schedule", "executor") else []
    shown = [f"[{p.name}]" if p.default is not inspect.Parameter.empty else p.name for p in inputs]
    shown += [f"*{p.name}" for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL]
    filled = {*FILLED_BY_ENGINE, *FILLED_IN.get(component.kind, ())}
    filled |= set(priors_asked(signature)) if component.kind == "interpolator" else set()
    options = [_option(p) for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY and p.name not in filled]
    return f"{component.name}({', '.join(shown)})" if shown else component.name, ", ".join(options)


def _option(parameter: inspect.Parameter) -> str:
    default: Any = parameter.default
    if default is inspect.Parameter.empty:
        return f"`{parameter.name}`"
    if default is None:
        return f"`{parameter.name}`?"
    try:
        written = json.dumps(default, ensure_ascii=False)
    except TypeError:
        written = str(default)
    return f"`{parameter.name} = {written}`"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{' --- |' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
