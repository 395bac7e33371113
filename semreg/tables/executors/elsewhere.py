"""Runs of a grid that an executor makes, after this process has prepared once what they share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from semreg.core import Executor
from semreg.recipe.plan import Plan
from semreg.running.choices import Choices
from semreg.running.judges import judge_of, of_a_judge
from semreg.running.start import folders_of, place_of
from semreg.tables.executors.choosing import require_made_elsewhere, require_room
from semreg.tables.executors.coordinator import Coordinator, Work
from semreg.tables.executors.trials import More, Trial, name_of
from semreg.tables.grid import Cell
from semreg.tables.planned import PlannedRun
from semreg.trained.opening import open_data


def require_elsewhere(executor: Executor, trials: Sequence[Trial], on: str) -> None:
    """Raise UserError if the executor can't make trials: components of this process, steps too large for its GPUs."""
    recipes = _recipes(trials)
    plans = [plan for trial in recipes for plan in (trial.plan, *_judges(trial.plan, trial.choices))]
    require_made_elsewhere(plans, on)
    if 0 < executor.needs.gpu < 1:
        for trial in recipes:
            require_room(trial.plan, trial.choices, executor.needs.gpu)


def make_elsewhere(
    executor: Executor,
    trials: Sequence[Trial],
    to_do: Sequence[int],
    told: Callable[[int, Cell], None],
    more: More,
) -> None:
    """Have an executor make the unfinished trials, given by their places, and report each at its end.

    It first trains all judges. Caches of the trials' data exist, since opening the data checked their split; caches of
    the judges' data are built first. `more` supplies further trials, as in a search, when slots are free; the first
    trial that needs a judge of only such trials trains it.
    """

    def further(free: int) -> list[Work]:
        return [work(k) for k in more.more(free)]

    def work(k: int) -> Work:
        title = f"{k + 1}/{more.total}  {name_of(trials[k])}"
        return Work(trials[k], partial(told, k), title, given_up=partial(more.given_up, k))

    recipes = _recipes([trials[k] for k in to_do])
    judges = {judge.folder: judge for trial in recipes for judge in judges_of(trial)}
    build_caches([judge for judge in judges.values() if judge.to_do])
    first = [Work(judge, lambda cell: None, f"judge {judge.plan.name}") for judge in judges.values() if judge.to_do]
    Coordinator(executor, first).run()
    made = more.total - more.left(to_do)
    Coordinator(executor, [work(k) for k in to_do], more=further, total=more.total, made=made).run()


def build_caches(trials: Sequence[Trial]) -> None:
    """Build the missing caches of the data that trials read. Raises UserError."""
    built = set()
    for trial in trials:
        key = json.dumps([trial.plan.data.use, trial.plan.data.options], sort_keys=True, default=str)
        if key not in built and trial.plan.missing is None:
            open_data(trial.plan, skip_bad_images=trial.choices.skip_bad_images)
            built.add(key)


def judges_of(trial: Trial) -> Iterator[PlannedRun]:
    """Yield the judges of a trial's evaluations as trials, after their own judges."""
    for plan in _judges(trial.plan, trial.choices):
        choices = of_a_judge(trial.choices)
        yield PlannedRun(plan.recipe, plan, choices, place_of(plan, choices), folders_of(plan, choices), trial.command)


def _judges(plan: Plan, choices: Choices) -> Iterator[Plan]:
    """Yield the plans of the judges of a plan, after those of their own judges."""
    for evaluation in plan.evaluations.values():
        if evaluation.judge is not None:
            judge = judge_of(plan, evaluation, choices)
            yield from _judges(judge, of_a_judge(choices))
            yield judge


def _recipes(trials: Sequence[Trial]) -> list[Trial]:
    """Return the first trial of each recipe."""
    return list({trial.plan.name: trial for trial in reversed(trials)}.values())[::-1]
