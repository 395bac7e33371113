"""The end of a run: its evaluations, its report, and the events for hooks."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pluggy

from semreg.core import UserError, plugin_manager
from semreg.core.errors import CannotWrite, ComponentError, ProcessLostError
from semreg.recipe.component_errors import failure_text
from semreg.recipe.plan import Plan
from semreg.running.evaluations import Evaluated, Judges, evaluate_run
from semreg.store.folder import RunFolder, RunIsBusy
from semreg.store.messages import say
from semreg.store.recipes import (
    evaluations_of,
    failures_of,
    is_reported,
    kept_as,
    missing_evaluations,
    read_recipe,
    write_evaluations,
    write_recipe,
)
from semreg.trained.run import Run
from semreg.training.processes import ALONE, Processes

GO_ON = "the same command resumes from the last checkpoint"


def is_done(folder: Path, plan: Plan, folders: Mapping[str, str], judge_on: str) -> bool:
    """Return whether a trained run has a recipe's evaluations and report, on "test" or "validation" images."""
    kept = kept_as(plan.name, judge_on)
    done = {name: path.name for name, path in evaluations_of(folder, kept).items()}
    same = read_recipe(folder, kept) == json.loads(json.dumps(plan.table))
    tried = is_reported(folder, kept) and not failures_of(folder, kept)
    return same and done == folders and tried


def evaluate_and_report(
    run: Run,
    folder: RunFolder,
    folders: Mapping[str, str],
    judges: Mapping[str, str],
    judge: Judges,
    manager: pluggy.PluginManager,
    command: str,
    only: Sequence[str] = (),
    again: bool = False,
) -> Evaluated:
    """Run the missing evaluations of a trained run, or all `again`, and write its report.

    `judges` are the hashes of the judges' runs, by evaluation; `command` repeats all of this, as the report shows.
    `folder` must be open.
    """
    before = failures_of(folder.folder, folder.name) if only else {}
    write_recipe(folder.folder, folder.name, run.plan.table)
    told = partial(write_evaluations, folder.folder, folder.name, folders, judges=judges, command=command)
    told(reported=False)
    done = evaluate_run(run, folder, manager, judge, folders, only, again)
    missing = [name for name, place in folders.items() if missing_evaluations(folder.folder, [place])]
    failures = {name: said for name, said in before.items() if name in missing and name not in only} | done.failures
    left = [name for name in missing if name not in failures]
    told(reported=False, failures=failures)
    if left:
        folder.status("stopped", message=f"still to be evaluated: {', '.join(left)}")
    else:
        folder.status("finished", **({"failed": list(failures)} if failures else {}))
    plugin_manager.call(manager, "run_finished", run=folder)  # which writes the report
    plugin_manager.call(manager, "report_written", run=folder)
    if not left:  # a run killed before that resumes there
        told(reported=True, failures=failures)
    return done


@contextlib.contextmanager
def telling(folder: RunFolder, manager: pluggy.PluginManager, processes: Processes = ALONE) -> Iterator[None]:
    """Send hooks the start of a run, and its early end, which the status shows, too; record warnings of components."""
    with _watched(folder, manager, processes), _warnings_of_components(folder):
        plugin_manager.call(manager, "run_started", run=folder)
        yield


@contextlib.contextmanager
def _watched(folder: RunFolder, manager: pluggy.PluginManager, processes: Processes) -> Iterator[None]:
    """Update the status and call the hooks if the run ends early."""
    try:
        yield
    except BaseException as raised:
        error = raised
        if not isinstance(raised, (Exception, KeyboardInterrupt)):  # which would end the process as anyone chooses
            error = ComponentError(str(folder.folder), f"a component {failure_text(raised)}; {GO_ON}")
        stopped = isinstance(error, (KeyboardInterrupt, ProcessLostError))
        said = str(error or "interrupted")
        if not stopped:
            said = said[:500]
        elif not said.endswith(GO_ON):  # which the run of a judge has said already
            said = f"{said}; {GO_ON}"
        with contextlib.suppress(CannotWrite, RunIsBusy):  # a full disk must not hide what happened
            folder.status("stopped" if stopped else "failed", message=said)
        with contextlib.suppress(CannotWrite, RunIsBusy):
            plugin_manager.call(manager, "run_stopped", run=folder, error=error)
        if isinstance(error, KeyboardInterrupt):
            error.args = (f"{folder.folder}: {said}",)
        if isinstance(error, ProcessLostError) and processes.first:
            raise UserError(str(folder.folder), said) from error
        if not processes.first:  # the first process printed, before training, what all processes share
            say(f"process {processes.rank}: {said}")
        if error is not raised:
            raise error from raised
        raise


@contextlib.contextmanager
def _warnings_of_components(folder: RunFolder) -> Iterator[None]:
    """Record with the run what components report by Python's warnings."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: folder.warn(" ".join(str(message).split()))
        yield
