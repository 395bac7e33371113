"""Runs of a grid that are made elsewhere, and what they share, which is made before them, once."""

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
    """Raises UserError for what the executor can't make: components of this process, steps that its GPUs can't hold."""
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
    """Have an executor make the trials that are to do, by their places, and tell each when it has ended.

    All judges are trained before. Caches of the trials' data are there, since these were opened to check their split;
    those of the judges' are built first. What there is `more`, as in a search, is asked for when slots are free; a
    judge that these alone have is trained by the first that needs it.
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
    """Build the caches of the data that trials read, as far as they are not there. Raises UserError."""
    built = set()
    for trial in trials:
        key = json.dumps([trial.plan.data.use, trial.plan.data.options], sort_keys=True, default=str)
        if key not in built and trial.plan.missing is None:
            open_data(trial.plan, skip_bad_images=trial.choices.skip_bad_images)
            built.add(key)


def judges_of(trial: Trial) -> Iterator[PlannedRun]:
    """The judges of a trial's evaluations, those of judges before them, as trials."""
    for plan in _judges(trial.plan, trial.choices):
        choices = of_a_judge(trial.choices)
        yield PlannedRun(plan.recipe, plan, choices, place_of(plan, choices), folders_of(plan, choices), trial.command)


def _judges(plan: Plan, choices: Choices) -> Iterator[Plan]:
    """The plans of the judges of a plan, and of theirs before them."""
    for evaluation in plan.evaluations.values():
        if evaluation.judge is not None:
            judge = judge_of(plan, evaluation, choices)
            yield from _judges(judge, of_a_judge(choices))
            yield judge


def _recipes(trials: Sequence[Trial]) -> list[Trial]:
    """The first trial of each recipe."""
    return list({trial.plan.name: trial for trial in reversed(trials)}.values())[::-1]
