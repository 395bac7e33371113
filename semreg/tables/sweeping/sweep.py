"""A recipe with some of its keys varied, each combination of their values a row: a grid of runs ranked by a figure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from semreg.core import DataMissing, UserError, closest
from semreg.recipe.bounds import TomlTable
from semreg.recipe.load import Recipe, with_overrides
from semreg.recipe.plan import Plan
from semreg.recipe.toml_text import toml_value
from semreg.report.evaluations import about
from semreg.running.choices import Choices
from semreg.running.identity import identity
from semreg.running.reproducing import command_of
from semreg.store.messages import in_first_process, say
from semreg.tables.blocks import LONGER, ON_TEST
from semreg.tables.columns import Form
from semreg.tables.grid import FEWEST_COMPARED, Grid, Ranked, Ranking
from semreg.tables.growing import Wanted
from semreg.tables.making import MadeTable, chosen_seeds, make_table, plan_of_row
from semreg.tables.plots import evaluation_of, of_no_evaluation, over_seeds
from semreg.tables.ranking import best_row, direction_of
from semreg.tables.sweeping.axes import Axis, axes_of, dotted
from semreg.tables.sweeping.rows import SweptRow, swept_rows
from semreg.tables.sweeping.searching import beside_the_first, make_search, sought_by

MOST_TRIALS = 1_000
ON_TEST_IMAGES = (
    "This sweep chose its best row on the test images, so that row's figure is too good. Without --on-test-images a "
    "sweep uses validation images."
)


def make_sweep(
    recipe: Recipe,
    vary: Sequence[str] | Mapping[str, Any],
    seeds: int | str | Sequence[int] | None,
    metric: str,
    higher: bool | None,
    wanted: Wanted,
    choices: Choices,
    search: str | None = None,
    trials: int | None = None,
) -> MadeTable:
    """Make all unfinished runs of a sweep, and rank its rows by `metric`, as EVALUATION.FIGURE.

    `vary` is as `axes_of` takes it; `higher` states whether a higher figure is better, if the evaluation doesn't; a
    `search`, as NAME:WORDS, chooses `trials` rows instead of all combinations.

    Raises UserError before anything is trained: for a key or value that no recipe can have, for a value that changes
    nothing in the training, and for more than 1,000 runs. A metric that no evaluation computes raises it, too, as far
    as that can be known.
    """
    sought = sought_by(search, trials)
    axes, chosen = axes_of(vary, searched=sought is not None), chosen_seeds(seeds)
    factors = [sought.trials] if sought else [len(axis.values) for axis in axes]
    _require_few(factors, len(chosen) if chosen else 1, "--trials" if sought else "--vary")
    plan = plan_of_row(recipe, wanted, choices)
    ranked = _ranked(plan, metric, higher, seeds=len(chosen) if chosen else 1, searched=sought is not None)
    rows = swept_rows(recipe, axes, beside_the_first(axes) if sought else itertools.product(*(a.values for a in axes)))
    _require_different(rows, axes, plan, wanted, replace(choices, seed=chosen[0] if chosen else None))
    remarks = (ON_TEST_IMAGES,) if choices.judge_on == "test" else ()
    if in_first_process():
        for remark in remarks:
            say(remark)
    wanted = replace(
        wanted,
        name=wanted.name or f"{plan.name}-sweep",
        ranking=Ranking((ranked,), remarks),
        metric=metric,
        going_on=lambda grid: best_of(grid, recipe, choices),
        swept=str(recipe.path),
        varied=[row.varied for row in rows],
    )
    recipes = [row.recipe for row in rows]
    if sought is not None:
        return make_search(sought, recipe, axes, recipes, chosen, wanted, choices)
    return make_table(recipes, (), chosen, wanted, choices)


def _require_few(factors: Sequence[int], seeds: int, where: str) -> None:
    """Raise UserError for more runs than a sweep may have; the product of `factors` is the number of its rows."""
    factors = [*factors, *([seeds] if seeds > 1 else [])]
    runs = math.prod(factors)
    if runs > MOST_TRIALS:
        counted = f"{' × '.join(map(str, factors))} = {runs:,}" if len(factors) > 1 else f"{runs:,}"
        raise UserError(where, f"{counted} runs; expected at most {MOST_TRIALS:,}")


def _ranked(plan: Plan, metric: str, higher: bool | None, *, seeds: int, searched: bool) -> Ranked:
    """Return the figure of a metric, with its direction, which the user states if the evaluation doesn't.

    Raises UserError for a metric that neither an evaluation nor a row-ranking comparison has, and for a direction that
    is unknown or contradicts the evaluation.
    """
    measured = {**plan.evaluations, **plan.comparisons}
    evaluation = evaluation_of(metric, measured)
    if evaluation is None:
        raise UserError("--metric", of_no_evaluation(metric, measured))
    comparison = plan.comparisons.get(evaluation)
    if comparison and (searched or comparison.across):
        reason = "is done once all runs are made, too late for --search" if searched else "is of all rows together"
        raise UserError("--metric", f"{evaluation!r} is a comparison, and {reason}")
    if comparison and seeds < FEWEST_COMPARED:
        raise UserError("--metric", f"{evaluation!r} compares the runs of a row, and each row has one; add --seeds 3")
    kind, place = ("comparison", "compare") if comparison else ("evaluation", "evaluate")
    table, figure = plan.table[place][evaluation], metric.removeprefix(f"{evaluation}.")
    known = direction_of(table, figure, kind)
    if None not in (higher, known) and higher != known:
        option, way = ("--maximize", "low") if higher else ("--minimize", "high")
        raise UserError(option, f"{evaluation} says that a {way} {figure!r} is good; leave {option} out")
    higher = known if higher is None else higher
    if higher is None:
        message = f"{evaluation} doesn't say whether a high or a low {figure!r} is good; add --maximize or --minimize"
        raise UserError("--metric", message + closest(figure, about(table, kind).better))
    return Ranked(metric, higher)


def _require_different(
    rows: Sequence[SweptRow], axes: Sequence[Axis], plan: Plan, wanted: Wanted, choices: Choices
) -> None:
    """Raise UserError for a value that no recipe can have there, or that trains the same as another value.

    It tries each value with the first value of all other keys.
    """
    for axis in axes:
        seen: dict[str, Any] = {}
        others = {other.dotted: other.values[0] for other in axes if other is not axis}
        for row in rows:
            value = row.varied[axis.dotted]
            if any(row.varied[key] != first for key, first in others.items()):
                continue
            try:
                own = plan_of_row(row.recipe, wanted, choices)
            except DataMissing:
                raise
            except UserError as error:
                _require_place(axis, plan.table)
                raise UserError(f"--vary {axis.dotted}={toml_value(value)}", error.problems) from error
            digest = identity(own, choices).digest
            if digest in seen:
                both = f"{toml_value(seen[digest])} and {toml_value(value)}"
                message = f"{both} train the same run; the key changes nothing that is trained"
                raise UserError(f"--vary {axis.dotted}", message)
            seen[digest] = value


def _require_place(axis: Axis, table: TomlTable) -> None:
    """Raise UserError for a key in a table that the recipe doesn't have."""
    place: Any = table
    for depth, part in enumerate(axis.key[:-1]):
        if not isinstance(place, dict) or part not in place:
            near = closest(part, place if isinstance(place, dict) else ())
            raise UserError(f"--vary {axis.dotted}", f"the recipe has no {'.'.join(axis.key[: depth + 1])!r}{near}")
        place = place[part]


def best_of(grid: Grid, recipe: Recipe, choices: Choices) -> list[tuple[str, str]]:
    """Return the best row of a sweep, and the commands that continue from it, each after its purpose; nothing if no row
    has its figure.

    One command evaluates its runs on the test images, unless they were, and one trains its first run twice as long. A
    recipe without a file has no commands.
    """
    best = best_row(grid)
    value = over_seeds(best, str(grid.metric)) if best else None
    if best is None or value is None:
        return []
    form = Form([value.mean])
    spread = "" if value.deviation is None else f" ± {form.text(value.deviation)}"
    figure = f"{grid.metric} {form.text(value.mean)}{spread} on {choices.judge_on} images"
    lines = [("best", f"{best.description} · {figure}")]
    if not recipe.said:
        return lines
    varied = [f"{key}={toml_value(one)}" for key, one in best.varied.items()]
    own, written = with_overrides(recipe, varied), _followed(recipe.written, varied)
    later = replace(choices, judge_on="test")
    cells = best.finished()
    if choices.judge_on != "test" and len(cells) == 1:
        command = command_of(recipe.said, written, replace(later, seed=cells[0].seed))
        lines.append((ON_TEST, command))
    elif choices.judge_on != "test":
        seeds = ",".join(str(cell.seed) for cell in cells)
        lines.append((ON_TEST, f"{command_of(recipe.said, written, later, command='table')} --seeds {seeds}"))
    last = plan_of_row(own, Wanted(only_finished=True), choices).phases[-1]
    longer = _followed(written, [f"{dotted(('phases', last.name, 'epochs'))}={2 * last.epochs}"])
    # On the images that the row was chosen on: how long to train is chosen, too.
    longest = replace(choices, seed=cells[0].seed, continue_from=cells[0].folder)
    return [*lines, (LONGER, command_of(recipe.said, longer, longest))]


def _followed(overrides: Sequence[str], last: Sequence[str]) -> list[str]:
    """Append the last overrides, and drop earlier ones of the same keys."""
    decided = {text.partition("=")[0].strip() for text in last}
    return [*(text for text in overrides if text.partition("=")[0].strip() not in decided), *last]
