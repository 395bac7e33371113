"""The report: one self-contained page, made only from the run's folder, at any time."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import jinja2
from markupsafe import Markup, escape

from semreg.core import Picture, Result, Scatter, Table, UserError, plugin_manager
from semreg.core.errors import cause_of
from semreg.core.hookspecs import Section
from semreg.pictures.html import cells
from semreg.recipe.matrix import weight_text
from semreg.recipe.process_state import process_state_kept
from semreg.recipe.toml_text import toml_text
from semreg.report import curves
from semreg.report.data import data_section
from semreg.report.evaluations import about
from semreg.report.formatting import duration
from semreg.report.judges import judged_by
from semreg.report.templates import templates
from semreg.report.times import time_section
from semreg.report.watched import WatchedPhase, courses
from semreg.store.folder import RunFolder
from semreg.store.layout import WARNINGS
from semreg.store.numbers import column, number
from semreg.store.recipes import command_of, evaluations_of, failures_of, judged_on, own_name, read_recipe
from semreg.store.record import PhaseMetrics, RunRecord, read_lines, read_metrics, read_record
from semreg.store.results import read_result, require_storable

Shown = TypeVar("Shown", Table, Picture, Scatter)
KINDS_OF_IMAGES = {"train": "training"}
"""The names of images by split."""
_MARKED = re.compile(r"`([^`]+)`|\*([^*`]+)\*")


def render(folder: Path, recipe: str | None = None) -> str:
    """Return the report of a run as HTML, on its own recipe or another that trains the same.

    Raises UserError if the folder holds no run, or something that no run writes.
    """
    try:
        return _rendered(folder, recipe or own_name(folder))
    except (
        jinja2.TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        raise UserError(str(folder), f"its files are not those of a run: {cause_of(error)[:300]}") from error


def _rendered(folder: Path, name: str) -> str:
    run = read_record(folder)
    recipe = _recipe(folder, name)
    reader = _Reader(folder, name, recipe, [str(line.get("warning", "")) for line in read_lines(folder / WARNINGS)])
    evaluations = {one: _unrepeated(result) for one, result in _evaluations(reader, name).items()}
    tables = recipe.get("evaluate")
    told = {one: about(tables.get(one) if isinstance(tables, dict) else None) for one in evaluations}
    comparisons = _paper_figures(evaluations)
    metrics = read_metrics(folder)
    sections = _sections(reader)
    return _template().render(
        name=judged_on(name)[0],
        judged_on=judged_on(name)[1],
        judges=judged_by(folder, name),
        run=run,
        state=run.current_state(),
        lead=_lead(run, recipe),
        facts=_facts(run, metrics),
        phases=_phases(run, metrics, courses(folder, reader.warn)),
        data=data_section(run.record.get("data") or {}),
        times=time_section(metrics),
        evaluations=evaluations,
        gallery=_gallery(evaluations),
        places={one: place for place, one in enumerate(evaluations, start=1)},
        about=told,
        arrows=any(told[row.evaluation].arrow(row.figure) for row in comparisons),
        failures=failures_of(folder, name),
        comparisons=comparisons,
        sections=sections,
        modules=run.record.get("modules") or {},
        versions=run.record.get("versions") or {},
        command=command_of(folder, name) or str(run.record.get("command") or ""),
        recipe=toml_text(recipe),
        commit=run.record.get("commit"),
        fingerprint=(run.record.get("data") or {}).get("fingerprint"),
        warnings=list(dict.fromkeys(reader.warnings)),
    )


@functools.cache  # compiling it takes longer than filling it in
def _template() -> jinja2.Template:
    environment = templates()
    environment.filters |= {"number": _number, "weight": weight_text, "marked": _marked}
    environment.globals |= {
        "chart_width": curves.WIDTH,
        "chart_height": curves.HEIGHT,
        "is_numeric": _is_numeric,
        "cells": cells,
    }
    return environment.get_template("page.html")


@dataclass(frozen=True)
class Step:
    """One step's part of the who-trains-whom matrix."""

    name: str
    losses: list[str]
    rows: dict[str, dict[str, float | dict[str, Any]]]
    backwards: int | None


@dataclass(frozen=True)
class Phase:
    """The content of the page for a phase."""

    name: str
    facts: list[tuple[str, str]]
    steps: list[Step]
    charts: list[curves.Chart]
    course: WatchedPhase | None = None

    @property
    def validated(self) -> bool:
        """Whether any chart has a line of validation losses."""
        return any(line.kind == "validation" for chart in self.charts for line in chart.lines)


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the run beside the paper's."""

    evaluation: str
    figure: str
    ours: float
    paper: float

    def text(self, value: float) -> str:
        """Format a value with as many decimals as suit this row."""
        texts = column([value, self.ours, self.paper], 3 if abs(self.paper) < 10 else 1)
        return texts[0].replace("-", "−")

    def difference(self) -> str:
        """Return the run's figure minus the paper's, with its sign."""
        more = self.ours - self.paper
        return f"{'+' if more > 0 else ''}{self.text(more)}"


class _Reader(RunFolder):
    """The run as hooks see it outside training; its warnings stay on the page."""

    def __init__(self, folder: Path, name: str, recipe: dict[str, Any], warnings: list[str]) -> None:
        super().__init__(folder, name, recipe)
        self.warnings = warnings

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def _recipe(folder: Path, name: str) -> dict[str, Any]:
    try:
        return read_recipe(folder, name)
    except UserError:
        return {}


def _evaluations(reader: _Reader, recipe: str) -> dict[str, Result]:
    """Return the stored results of a recipe, in its order; a damaged one becomes a warning."""
    found: dict[str, Result] = {}
    for name, folder in evaluations_of(reader.folder, recipe).items():
        try:
            found[name] = read_result(folder)
        except UserError as error:
            reader.warn(error.text())
    return found


def _unrepeated(result: Result) -> Result:
    """Return a result that keeps only the first of equal captions."""
    said: set[str] = set()

    def once(shown: Sequence[Shown]) -> list[Shown]:
        found = []
        for one in shown:
            found.append(replace(one, caption="") if one.caption in said else one)
            said.add(one.caption)
        return found

    return replace(result, tables=once(result.tables), pictures=once(result.pictures), scatters=once(result.scatters))


def _sections(reader: _Reader) -> list[Section]:
    with process_state_kept():
        manager = plugin_manager.load_hooks(reader.warn)
    found = plugin_manager.call(manager, "report_sections", accept=as_sections, run=reader)
    return [section for sections in found for section in sections]


def as_sections(returned: Any) -> list[Section]:
    """Check a hook's result. Raises ValueError if a page can't show it."""
    sections = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    for section in sections:
        if not isinstance(section, Section):
            raise ValueError(f"it returned a {type(section).__name__} where a Section is wanted")
        if not (isinstance(section.title, str) and isinstance(section.text, str)):
            raise ValueError("the title and the text of a section are texts")
        require_storable(Result(tables=section.tables, pictures=section.pictures))
    return sections


def _lead(run: RunRecord, recipe: dict[str, Any]) -> str:
    """Return a sentence on the run and its data."""
    data = run.record.get("data") or {}
    counts = {KINDS_OF_IMAGES.get(split, split): count for split, count in (data.get("counts") or {}).items() if count}
    *others, last = [f"{count:,} {kind}" for kind, count in counts.items()] or [""]
    images = f": {' and '.join(filter(None, [', '.join(others), last]))} images" if last else ""
    what = str(recipe.get("description") or "").rstrip(".")
    return " ".join(
        [
            *([f"{what}."] if what else []),
            *([f"Trained on the data set {data['name']}{images}."] if data.get("name") else []),
        ]
    )


def _gallery(evaluations: dict[str, Result]) -> dict[str, Result]:
    """Return the results to look at, first those that compare images in several rows."""
    found = {name: result for name, result in evaluations.items() if _is_to_look_at(result)}
    return dict(
        sorted(found.items(), key=lambda one: not any(p.walk and len(p.walk.rows) > 1 for p in one[1].pictures))
    )


def _is_to_look_at(result: Result) -> bool:
    """Return whether a result's pictures show images, or are its only content, rather than plots of its figures."""
    pictured = bool(result.pictures or result.scatters)
    return pictured and (any(picture.walk for picture in result.pictures) or not (result.figures or result.tables))


def _facts(run: RunRecord, metrics: dict[str, PhaseMetrics]) -> list[tuple[str, str]]:
    """Return the short facts under the title."""
    data = run.record.get("data") or {}
    counts = data.get("counts") or {}
    images = " / ".join(f"{count:,} {split}" for split, count in counts.items() if count)
    options = ", ".join(f"{name} = {value}" for name, value in (data.get("options") or {}).items())
    parameters = sum(int(module.get("parameters") or 0) for module in (run.record.get("modules") or {}).values())
    trained = sum(phase.seconds for phase in metrics.values())
    facts = [
        ("data", f"{data.get('name', '')}{f' ({options})' if options else ''}"),
        ("images", images),
        ("parameters", f"{parameters:,}" if parameters else ""),
        ("trained in", duration(trained) if trained else ""),
        ("whole run", duration(run.seconds) if run.state == "finished" and run.seconds else ""),
        ("device", str(run.record.get("device", ""))),
        ("threads", str(run.record.get("threads", ""))),
        ("precision", str(run.record.get("precision", ""))),
        ("seed", str(run.record.get("seed", ""))),
        ("started", str(run.record.get("started", ""))[:16].replace("T", " ")),
    ]
    return [(name, text) for name, text in facts if text]


def _phases(run: RunRecord, metrics: dict[str, PhaseMetrics], watched: dict[str, WatchedPhase]) -> list[Phase]:
    planned = {str(phase.get("name")): phase for phase in run.record.get("phases") or []}
    return [
        _phase(name, planned.get(name, {}), metrics.get(name, PhaseMetrics()), watched.get(name))
        for name in dict.fromkeys([*planned, *metrics])
    ]


def _phase(name: str, plan: dict[str, Any], metrics: PhaseMetrics, course: WatchedPhase | None) -> Phase:
    backwards = plan.get("backwards") or {}
    steps = [
        Step(step, list(dict.fromkeys(loss for row in rows.values() for loss in row)), rows, backwards.get(step))
        for step, rows in (plan.get("steps") or {}).items()
    ]
    speeds = sorted(metrics.images_per_second)
    facts = [
        ("epochs", plan.get("epochs")),
        ("iterations", f"{plan['iterations']:,}" if plan.get("iterations") else None),
        ("batch", plan.get("batch_size")),
        ("images an update", plan.get("images_per_update")),
        ("images/s", f"{speeds[len(speeds) // 2]:,.0f}" if speeds else None),
        ("time", duration(metrics.seconds) if metrics.seconds else None),
        ("best validation at iteration", f"{metrics.best:,}" if metrics.best else None),
    ]
    return Phase(name, [(label, str(fact)) for label, fact in facts if fact], steps, curves.charts(metrics), course)


def _paper_figures(evaluations: dict[str, Result]) -> list[PaperFigure]:
    return [
        PaperFigure(name, figure, ours, result.paper[figure])
        for name, result in evaluations.items()
        for figure, ours in result.figures.items()
        if figure in result.paper
    ]


def _marked(text: str) -> Markup:
    """Mark up a docstring's sentence: backquotes as code, asterisks as a title."""
    return Markup(
        _MARKED.sub(lambda found: f"<code>{found[1]}</code>" if found[1] else f"<i>{found[2]}</i>", escape(text))
    )


def _number(value: float) -> str:
    return number(float(value))


def _is_numeric(table: Table, column: int) -> bool:
    cells = [row[column] for row in table.rows if column < len(row)]
    return all(cell is None or isinstance(cell, (int, float)) for cell in cells)
