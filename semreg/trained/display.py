"""How a run and its results display themselves in a session: as a line or two, and in a notebook as a small page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from semreg.core import Picture, Result, UserError
from semreg.store.numbers import number
from semreg.store.record import RunRecord, read_record
from semreg.trained.metrics import Losses, Metrics

if TYPE_CHECKING:
    from semreg.trained.run import Run

MOST_FIGURES = 6
"""The most figures on a line."""


class ShownResult(Result):
    """A result that prints as a line, and that a notebook shows as a whole."""

    def __repr__(self) -> str:
        parts = [*_figures({"": self}), *_counted(table=self.tables, picture=self.pictures)]
        return f"<Result {'; '.join(filter(None, [self.summary, ', '.join(parts)])) or 'of nothing'}>"

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if isinstance(other, Result) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as of any Result

    def _repr_html_(self) -> str:
        from semreg.pictures.html import result_html

        return result_html(self)


class Results(dict[str, Result]):
    """Results by the names of evaluations; a notebook shows one below the other."""

    def __init__(self, results: Mapping[str, Result]) -> None:
        super().__init__({name: ShownResult(**vars(result)) for name, result in results.items()})

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {result!r}" for name, result in self.items()) or "no results"

    def _repr_html_(self) -> str:
        from semreg.pictures.html import result_html

        return "".join(f"<h4>{escape(name)}</h4>{result_html(result)}" for name, result in self.items())


def run_text(run: Run) -> str:
    """Return a run in a line or two: its name, state, data and figures. Unreadable parts are left out."""
    figures = _figures(_results(run))
    return "\n     ".join(filter(None, [f"<Run {' · '.join(_facts(run))}", ", ".join(figures)])) + ">"


def run_html(run: Run) -> str:
    """Return a run as a small page: its figures, the curves of its losses, and a picture of each evaluation that has
    any."""
    from semreg.pictures.html import figures_html, pictures_html

    results = _results(run)
    pictures = [picture for result in results.values() for picture in result.pictures[:1]]
    parts = [f"<p><b>{escape(run.folder.name)}</b> · {escape(' · '.join(_facts(run)[1:]))}</p>", figures_html(results)]
    return "".join([*parts, pictures_html([*_curves(run.metrics), *pictures])])


def _curves(metrics: Metrics) -> list[Picture]:
    """Draw the losses of each phase, as far as they are finite."""
    import numpy as np

    from semreg.pictures import line_plot

    drawn = []
    for phase, losses in metrics.items():
        validation: Losses = losses.validation
        every = [*losses.items(), *((f"{name} (validation)", curve) for name, curve in validation.items())]
        series = {name: curve[np.isfinite(curve)] for name, curve in every}
        series = {name: curve for name, curve in series.items() if len(curve)}
        if series:
            log_y = all((curve > 0).all() for curve in series.values())
            lines = {name: (curve.iterations, np.asarray(curve)) for name, curve in series.items()}
            drawn.append(line_plot(f"losses of {phase}", lines, x_label="iteration", y_label="", log_y=log_y))
    return drawn


def _facts(run: Run) -> list[str]:
    """Return the name of a run, its state and its data, as far as its record has them."""
    try:
        record = read_record(run.folder)
    except UserError:
        return [run.folder.name]
    return list(filter(None, [run.folder.name, record.current_state(), _data(record)]))


def _data(run: RunRecord) -> str:
    data: Any = run.record.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("counts"), dict):
        return ""
    counts = ", ".join(f"{count} {split}" for split, count in data["counts"].items() if count)
    return f"{data.get('name')} ({counts})"


def _results(run: Run) -> Mapping[str, Result]:
    try:
        return run.results
    except UserError:  # a damaged result, which `result` reports
        return {}


def _figures(results: Mapping[str, Result]) -> list[str]:
    found = [
        f"{name}.{figure}".lstrip(".") + f" {number(value)}"
        for name, result in results.items()
        for figure, value in result.figures.items()
    ]
    more = [f"{len(found) - MOST_FIGURES} more"] if len(found) > MOST_FIGURES else []
    return [*found[:MOST_FIGURES], *more]


def _counted(**parts: list[Any]) -> list[str]:
    return [f"{len(found)} {name}{'s' if len(found) > 1 else ''}" for name, found in parts.items() if found]
