"""Runs of a grid in this process, one after another: the default, and the only way for torchrun's processes."""

from __future__ import annotations

import contextlib
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from semreg.core import UserError
from semreg.core.errors import CannotWrite, cause_of
from semreg.running.choices import Choices
from semreg.running.start import run_recipe
from semreg.store.folder import RunIsBusy
from semreg.store.layout import LOCK
from semreg.store.leases import who_has
from semreg.store.messages import in_first_process, say
from semreg.store.record import at_work
from semreg.tables.executors.trials import More, Trial, name_of
from semreg.tables.grid import Cell
from semreg.training.interrupts import Interrupts
from semreg.training.processes import joined, started_by_torchrun


def make_here(
    trials: Sequence[Trial],
    to_do: Iterable[int],
    choices: Choices,
    told: Callable[[int, Cell], None],
    more: More,
) -> None:
    """Make the unfinished trials, given by their places, and report each at its end; the others continue if one fails.

    `more` supplies further trials, as in a search, when no other is left.
    """
    first = in_first_process()
    queue = deque((k, False) for k in to_do)
    with joined(choices.torch_device()), Interrupts():
        while queue:
            k, wait = queue.popleft()
            if first:
                say(f"{k + 1}/{more.total}  {name_of(trials[k])}")
            try:
                told(k, _finish(trials[k], wait=wait))
            except RunIsBusy:
                if started_by_torchrun():  # the other processes would continue, unaware of it
                    raise
                say(f"{trials[k].folder.name}: busy, another process works on it; its turn is last")
                queue.append((k, True))
            except BaseException:
                with contextlib.suppress(CannotWrite):  # which must not hide what happened
                    told(k, trials[k].read())
                raise
            if not queue:
                queue.extend((k, False) for k in more.more(1))


def _finish(trial: Trial, *, wait: bool) -> Cell:
    """Make a run, and read it; a failed one states why. If only one of several processes fails, all end.

    Raises RunIsBusy if another command is making it, unless `wait` is set.
    """
    alone = not started_by_torchrun()
    if alone and not trial.to_do:  # any more: another command did it
        return trial.read()
    if alone and not wait and at_work(trial.folder):  # seen before anything is prepared
        raise RunIsBusy(str(trial.folder), f"{who_has(trial.folder / LOCK)} uses it")
    try:
        run_recipe(trial.recipe, trial.choices, trial.command, wait=wait)
    except RunIsBusy:
        raise
    except Exception as error:
        if not alone:
            raise
        if not isinstance(error, UserError):
            say(traceback.format_exc())
        said = _said(error) if isinstance(error, UserError) else cause_of(error)
        say(f"{trial.folder.name}: failed: {said}; the other runs continue")
        return Cell(trial.seed, trial.folder, "failed", said)
    return trial.read()


def _said(error: UserError) -> str:
    """Join the problems of an error into one line."""
    return "; ".join(f"{problem.where} {problem.message}".strip() for problem in error.problems)
