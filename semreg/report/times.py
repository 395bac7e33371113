"""The report's section on a run's time: within an iteration, and in a phase outside its iterations."""

from __future__ import annotations

from semreg.core import Cell, Picture, Table
from semreg.core.hookspecs import Section
from semreg.pictures import line_plot, share_plot
from semreg.report.formatting import duration
from semreg.store.numbers import number
from semreg.store.record import PhaseMetrics

DRIFT = 1.2
"""A phase is drawn over time if its iterations become slower or faster by this factor."""
LEAST = 0.1
"""Per cent: smaller shares are not distinguished."""
_RECORDS_FOR_DRIFT = 8
_MOST_POINTS = 60


def time_section(phases: dict[str, PhaseMetrics]) -> Section | None:
    """Return the section on the time of each phase; None if nothing was measured."""
    seconds = {name: _means(phase) for name, phase in phases.items() if phase.seconds_per_iteration}
    if not seconds:
        return None
    parts = list(dict.fromkeys(part for means in seconds.values() for part in means))
    shares = share_plot(
        "Within an iteration",
        list(seconds),
        {part: [means.get(part, 0.0) for means in seconds.values()] for part in parts},
        totals=[_milliseconds(sum(means.values())) for means in seconds.values()],
        caption="Means over the phase. The number behind a bar is the time of one iteration with all its steps.",
    )
    tables = [_iteration_table(name, means) for name, means in seconds.items()]
    tables.append(_phase_table(phases, seconds))
    drifting = [picture for name in seconds if (picture := _drift(name, phases[name])) is not None]
    return Section("Where the time went", tables=tables, pictures=[shares, *drifting])


def _iteration_table(phase: str, means: dict[str, float]) -> Table:
    total = sum(means.values())
    rows: list[list[Cell]] = [[part, 1000 * mean, 100 * mean / total] for part, mean in means.items() if total]
    return Table(phase, ["part", "ms per iteration", "%"], [*rows, ["all", 1000 * total, 100.0]], digits=2)


def _phase_table(phases: dict[str, PhaseMetrics], seconds: dict[str, dict[str, float]]) -> Table:
    """Return the shares of each phase's time: its iterations, measured work between them, and the rest."""
    outside = list(dict.fromkeys(what for name in seconds for what in phases[name].seconds_of))
    rows: list[list[Cell]] = []
    for name, means in seconds.items():
        phase = phases[name]
        iterations = sum(means.values()) * _weights(phase)[-1][0]
        between = [phase.seconds_of.get(what, 0.0) for what in outside]
        whole = max(phase.seconds, iterations + sum(between))
        rest = whole - iterations - sum(between)
        rows.append([name, duration(whole), *(_percent(part, whole) for part in (iterations, *between, rest))])
    columns = ["phase", "time", "iterations", *outside, "rest"]
    caption = (
        "semreg does not measure the rest. On a GPU it measures only some iterations, so that shares are estimates."
    )
    return Table("Time of each phase", columns, rows, caption)


def _weights(phase: PhaseMetrics) -> list[tuple[int, int]]:
    """Return the iterations with recorded times, and how many iterations each stands for."""
    places = sorted({iteration for series in phase.seconds_per_iteration.values() for iteration, _ in series})
    return [(place, place - before) for before, place in zip([0, *places], places, strict=False)]


def _means(phase: PhaseMetrics) -> dict[str, float]:
    """Return the seconds of each part per iteration, in the order of the records, over the whole phase.

    A part that a record lacks took none.
    """
    weights = dict(_weights(phase))
    total = sum(weights.values()) or 1
    return {
        part: sum(value * weights[iteration] for iteration, value in dict(series).items()) / total
        for part, series in phase.seconds_per_iteration.items()
    }


def _drift(name: str, phase: PhaseMetrics) -> Picture | None:
    """Draw the parts over the phase, if its last quarter took much longer or shorter than its first.

    The first record is left out: it contains one-time work.
    """
    places = [place for place, _ in _weights(phase)][1:]
    if len(places) < _RECORDS_FOR_DRIFT:
        return None
    series = {part: dict(values) for part, values in phase.seconds_per_iteration.items()}
    totals = [sum(values.get(place, 0.0) for values in series.values()) for place in places]
    quarter = len(totals) // 4
    first, last = sum(totals[:quarter]), sum(totals[-quarter:])
    if not first or 1 / DRIFT < last / first < DRIFT:
        return None
    change = f"{abs(100 * (last / first - 1)):.0f} % {'more' if last > first else 'less'} time"
    width = -(-len(places) // _MOST_POINTS)  # single records are noisy: each point is the mean of so many
    groups = [places[start : start + width] for start in range(0, len(places), width)]
    return line_plot(
        f"Over phase {name}",
        {
            part: (
                [group[-1] for group in groups],
                [1000 * sum(values.get(place, 0.0) for place in group) / len(group) for group in groups],
            )
            for part, values in series.items()
        },
        x_label="iteration",
        y_label="ms per iteration",
        caption=f"Iterations of the last quarter took {change} than those of the first.",
    )


def _milliseconds(seconds: float) -> str:
    return f"{number(1000 * seconds)} ms"


def _percent(part: float, whole: float) -> str:
    if part <= 1e-9 * whole:  # what rounding leaves of differences
        return "–"
    return f"{100 * part / whole:.1f} %" if 100 * part / whole >= LEAST else f"< {LEAST:g} %"
