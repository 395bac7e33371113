"""From a recipe to a trained, evaluated, reported run."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pluggy
import torch

from semreg.core import DataMissing, UserError, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.data.dataset import Cached
from semreg.recipe.check import check
from semreg.recipe.load import Recipe
from semreg.recipe.plan import Plan
from semreg.running.choices import Choices
from semreg.running.environment import record_environment
from semreg.running.evaluations import evaluate_run
from semreg.running.judges import judge_plan
from semreg.running.weights import load_weights
from semreg.store.folder import RunFolder, Spectator, identity
from semreg.store.layout import STATUS
from semreg.trained.opening import averaged, open_data, open_run
from semreg.trained.run import Run
from semreg.training.build import build_modules, untrained
from semreg.training.interrupts import Interrupts
from semreg.training.processes import ALONE, Processes, ProcessLostError, joined
from semreg.training.step import Setting
from semreg.training.trainer import Trainer

GO_ON = "the same command goes on from the last checkpoint"


def run_recipe(recipe: Recipe, choices: Choices) -> Run:
    """Train, evaluate and report what a recipe says, or go on where an earlier call stopped; the run, opened.

    Raises UserError for mistakes in the recipe, the choices or the data.
    """
    plan, note = plan_for(recipe, choices)
    with _denormals_flushed(), joined(choices.torch_device()) as processes, Interrupts() as interrupts:
        return run_plan(plan, note, choices, interrupts, processes)


def plan_for(recipe: Recipe, choices: Choices) -> tuple[Plan, str | None]:
    """The plan that runs here, and the sentence that says so where it is the fallback."""
    try:
        plan = check(recipe, data_root=choices.data_root)
        missing = plan.missing
    except DataMissing as error:
        missing = error
    if missing is None:
        return plan, None
    if not (recipe.has_fallback and choices.fallback):
        raise missing
    plan = check(recipe, data_root=choices.data_root, fallback=True)
    if plan.missing is not None:
        raise plan.missing
    return plan, f"{missing.text()}\nUsing the recipe's fallback data set, {plan.data.use}, instead."


def place_of(plan: Plan, choices: Choices) -> tuple[int, str, Path]:
    """The seed of a run, the hash that names it, and its folder."""
    seed = plan.tables.seed if choices.seed is None else choices.seed
    digest = identity(plan.table, seed, choices.precision)
    return seed, digest, choices.out / f"{plan.name}-{digest[:6]}"


@contextlib.contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Denormal numbers are zero meanwhile: nets that collapse make them, and they slow a CPU severalfold."""
    before = not float(torch.tensor(1e-39) * 1)  # PyTorch doesn't tell
    torch.set_flush_denormal(True)  # threads inherit this where they are made
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def run_plan(
    plan: Plan, note: str | None, choices: Choices, interrupts: Interrupts, processes: Processes, *, wait: bool = False
) -> Run:
    """Train, evaluate and report a plan that was checked; `note` says why it is a fallback's.

    With `wait` another process that is at work on it is waited for, and nothing is said of a run that is finished: that
    is how judges are made.
    """
    seed, digest, path = place_of(plan, choices)
    folder = (RunFolder if processes.first else Spectator)(path, plan.name)
    finished = _finished(folder)
    if note and processes.first:
        print(note, file=sys.stderr)
    if finished:
        if not wait and processes.first:
            print(f"{folder.folder} is finished; nothing to do", file=sys.stderr)
        return _finished_run(folder, choices)
    if choices.tensorboard:
        from semreg.running.tensorboard import require_tensorboard

        require_tensorboard()
    device = choices.torch_device()
    data = processes.first_goes_ahead(lambda: open_data(plan, skip_bad_images=choices.skip_bad_images))
    modules = {name: module.to(device) for name, module in build_modules(plan, seed=seed).items()}
    load_weights(plan, modules, choices)
    remarks = [*plan.warnings, *untrained(plan, modules), *data.remarks]
    remarks += [*_constant(plan, data), *_untested(plan, data)]
    manager = _listeners(choices, remarks) if processes.first else plugin_manager.no_hooks()
    setting = Setting(plan, modules, seed, device, choices.precision, processes)
    trainer = Trainer(setting, data, folder, manager, interrupts)
    if not folder.begun:
        trainer.try_out()  # before anything is written: a recipe that cannot run leaves no folder
    folder.open(wait=wait)
    if wait and _finished(folder):  # by the process that was waited for
        folder.close()
        return _finished_run(folder, choices)
    try:
        record_environment(folder, setting, data, digest, note, skip_bad_images=choices.skip_bad_images)
        for remark in remarks:
            folder.warn(remark)
        with _watched(folder, manager, processes), _warnings_of_components(folder):
            plugin_manager.call(manager, "run_started", run=folder)
            trainer.train()
            run = Run(folder.folder, plan, averaged(modules, trainer.averages), data, device, seed)
            if processes.first:
                evaluate_run(run, folder, manager, partial(judge, run, choices, interrupts))
                finish(folder, manager)
    finally:
        folder.close()
    return run


@contextlib.contextmanager
def _warnings_of_components(folder: RunFolder) -> Iterator[None]:
    """What components say by Python's warnings is recorded with the run."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: folder.warn(" ".join(str(message).split()))
        yield


def _finished(folder: RunFolder) -> bool:
    status = folder.read_json(STATUS) or {}
    return bool(status.get("state") == "finished" and status.get("reported", True))


def _finished_run(folder: RunFolder, choices: Choices) -> Run:
    """Opened, its data compared with those that it was trained on."""
    run = open_run(folder.folder, data_root=choices.data_root, device=choices.device)
    _ = run.data
    return run


def _listeners(choices: Choices, remarks: list[str]) -> pluggy.PluginManager:
    manager = plugin_manager.load_hooks(remarks.append)
    if choices.tensorboard:
        from semreg.running.tensorboard import TensorBoard

        plugin_manager.add_plugin(manager, TensorBoard, "tensorboard")
    return manager


def finish(folder: RunFolder, manager: pluggy.PluginManager) -> None:
    """Finished is what the hooks are told and the report shows; killed before they are done, a run goes on there."""
    folder.status("finished", reported=False)
    plugin_manager.call(manager, "run_finished", run=folder)
    folder.status("finished")


@contextlib.contextmanager
def _watched(folder: RunFolder, manager: pluggy.PluginManager, processes: Processes) -> Iterator[None]:
    """Tell the status and the hooks when the run ends early."""
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, ProcessLostError))
        said = str(error or "interrupted")
        if not stopped:
            said = said[:500]
        elif not said.endswith(GO_ON):  # which the run of a judge has said already
            said = f"{said}; {GO_ON}"
        with contextlib.suppress(CannotWrite):  # a full disk must not hide what happened
            folder.status("stopped" if stopped else "failed", message=said)
        with contextlib.suppress(CannotWrite):
            plugin_manager.call(manager, "run_stopped", run=folder, error=error)
        if isinstance(error, KeyboardInterrupt):
            error.args = (f"{folder.folder}: {said}",)
        if isinstance(error, ProcessLostError) and processes.first:
            raise UserError(str(folder.folder), said) from error
        if not processes.first:  # what is the same in all processes was said before training, by the first
            print(f"process {processes.rank}: {said}", file=sys.stderr)
        raise


def _constant(plan: Plan, data: Cached) -> list[str]:
    """Of the labels that the recipe reads, those that are the same everywhere."""
    values = [*plan.tensors.values(), *plan.losses.values(), *(one.node for one in plan.evaluations.values())]
    read = plan.fields_of(values)
    return [
        f"{name}: all training images have the same value of {', '.join(labels)}, so nothing can be learned of it"
        for name, labels in data.constant_attributes().items()
        if name in read
    ]


def _untested(plan: Plan, data: Cached) -> list[str]:
    if not plan.evaluations or data.counts["test"]:
        return []
    return ["no image is in the test split; evaluations that read it will say so once all is trained"]


def judge(run: Run, choices: Choices, interrupts: Interrupts, path: Path, changes: Mapping[str, Any]) -> Run:
    """The independent classifier of an evaluation, trained or opened: a run of its own, by its recipe at `path`."""
    plan = judge_plan(run.plan, path, changes, choices.data_root)
    with _denormals_flushed():
        return run_plan(plan, None, replace(choices, seed=None), interrupts, ALONE, wait=True)
