"""The way from a recipe to a trained, evaluated, reported run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pluggy
import torch
from torch import nn

from semreg.core import DataMissing, Problem, UserError, plugin_manager
from semreg.data.dataset import Cached
from semreg.data.summary import scarce
from semreg.recipe.check import check
from semreg.recipe.load import Recipe
from semreg.recipe.plan import Plan
from semreg.report.judges import taught_by
from semreg.running.arithmetic import arithmetic
from semreg.running.choices import Choices
from semreg.running.compiler import require_compiler
from semreg.running.continuing import beginning, epochs_of, require_continuable, shorter_runs
from semreg.running.environment import other_code, record_environment
from semreg.running.evaluations import Judges, require_before_training
from semreg.running.finishing import evaluate_and_report, is_done, telling
from semreg.running.garbage import uncollected
from semreg.running.hooks import handed_over, listeners
from semreg.running.identity import IN_A_NAME, Identity, continued, evaluation_folders, identity
from semreg.running.judges import check_judges, judge_plan, judges_of, of_a_judge
from semreg.running.statistics import keep_statistics
from semreg.running.threads import threads_set, too_many
from semreg.store.checkpoint import keep_last, read_state
from semreg.store.folder import RunFolder, Spectator
from semreg.store.layout import CHECKPOINTS, RECORD
from semreg.store.messages import say
from semreg.store.reading import as_written
from semreg.store.recipes import kept_as, own_name, read_recipe, write_recipe
from semreg.store.record import RunRecord, by_hash, known_runs, readable
from semreg.store.watched import read_watched
from semreg.trained.opening import averaged, open_data, opened
from semreg.trained.run import Run
from semreg.trained.statistics import lacks_fits
from semreg.trained.weights import load_weights
from semreg.training.batch_norm import share_batch_norm
from semreg.training.build import build_modules, untrained, without_effect
from semreg.training.in_training import InTraining, held_out, require_pictures
from semreg.training.interrupts import Interrupts
from semreg.training.memory_format import to_channels_first, to_channels_last
from semreg.training.processes import ALONE, Processes, joined
from semreg.training.setting import Setting
from semreg.training.trainer import Trainer


def run_recipe(
    recipe: Recipe,
    choices: Choices,
    command: str = "",
    *,
    wait: bool = False,
    hooks: Sequence[Any] = (),
    folder: Path | None = None,
) -> Run:
    """Train, evaluate and report a recipe, or resume where an earlier call stopped; return the opened run.

    `command` repeats this, for the record. With `wait` it waits for another process that has the run. `hooks` observe
    the run, as installed ones do. `folder` is that of the run, if a grid has chosen it: then the others, which may be
    many, are not read. Raises UserError for errors in the recipe, the choices, the hooks or the data, and RunIsBusy if
    another process has the run.
    """
    handed = handed_over(hooks)
    plan, note = plan_for(recipe, choices)
    with (
        threads_set(choices.threads),
        arithmetic(choices),  # before the device is used
        joined(choices.torch_device()) as processes,
        Interrupts() as interrupts,
    ):
        return Runner(plan, choices, interrupts, processes, command, wait=wait, hooks=handed, folder=folder).run(note)


def plan_for(recipe: Recipe, choices: Choices) -> tuple[Plan, str | None]:
    """Return the plan that runs here, and a sentence on the substitution if it is the fallback."""
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


@dataclass(frozen=True)
class Place:
    """The place of a plan's run: its identity, its folder, and other folders with the same run."""

    identity: Identity
    folder: Path
    others: tuple[Path, ...]
    parent: RunRecord | None
    """The run that it continues from."""
    shorter: tuple[RunRecord, ...]
    """The runs that it could continue from, if it doesn't exist yet."""


def place_of(plan: Plan, choices: Choices, known: Mapping[str, Sequence[RunRecord]] | None = None) -> Place:
    """Return the place of a run among the runs `known` in `choices.out`, by their hashes; it reads them if they are not
    given.

    Raises UserError if a run to continue from differs in more than epochs.
    """
    own = identity(plan, choices)
    parent = None
    if choices.continue_from is not None:
        parent = require_continuable(choices.continue_from, own)
        own = replace(own, digest=continued(str(parent.record.get("hash")), own.digest))
    known = by_hash(known_runs(choices.out)) if known is None else known
    expected = choices.out / f"{plan.name}-{own.digest[:IN_A_NAME]}"
    found = sorted((run.folder for run in known.get(own.digest, ())), key=lambda folder: folder != expected)
    shorter = () if found or parent else tuple(shorter_runs(chain.from_iterable(known.values()), own))
    return Place(own, found[0] if found else expected, tuple(found[1:]), parent, shorter)


@dataclass
class _Prepared:
    """The objects that train a run."""

    trainer: Trainer
    modules: dict[str, nn.Module]
    """All modules of the recipe, including those that only evaluations read."""
    manager: pluggy.PluginManager
    remarks: list[str]
    shown: InTraining
    """The view of it for hooks."""


class Runner:
    """The process of making a checked plan's run, as far as it is unfinished.

    Args:
        plan: what to make.
        choices: the user's.
        interrupts: the signals that may end it early.
        processes: of the run; this is one of them.
        command: repeats the run.
        wait: whether to wait for another process that has the run, and print nothing about a finished run; used for
            judges.
        hooks: the caller's, by name.
    """

    def __init__(
        self,
        plan: Plan,
        choices: Choices,
        interrupts: Interrupts,
        processes: Processes = ALONE,
        command: str = "",
        *,
        wait: bool = False,
        hooks: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.plan, self.choices, self.interrupts, self.processes = plan, choices, interrupts, processes
        self.command, self.wait, self.hooks = command, wait, hooks
        self.place = place_of(plan, choices, None if folder is None else by_hash(readable([folder])))
        name = kept_as(plan.name, choices.judge_on)
        self.folder = (RunFolder if processes.first else Spectator)(self.place.folder, name, plan.table)
        self.judges = judges_of(plan, choices)
        self.folders = folders_of(plan, choices, self.judges)

    def run(self, note: str | None = None) -> Run:
        """Train, evaluate and report the run, and return it; `note` states why the plan is a fallback's."""
        self.tell_where(note)
        if self.wait:
            self.folder.wait()
        if self.trained:
            return self.used()
        prepared = self.prepared()
        self.folder.open(wait=self.wait)
        if (self.wait or self.processes.count == 1) and self.trained:  # by another process, just now
            self.folder.close()
            return self.used()
        try:
            self.begin(prepared, note)
            with telling(self.folder, prepared.manager, self.processes):
                self.folder.in_training = prepared.shown
                prepared.trainer.train()
                return self.end(prepared)
        finally:
            self.folder.close()

    def tell_where(self, note: str | None) -> None:
        """Print why it is a fallback, and name existing runs of it and nearly equal ones."""
        if note:
            self.say(note)
        for other in self.place.others:
            self.say(
                f"{other} holds the same run as {self.folder.folder}, which semreg uses; you can remove one of them"
            )
        for run in () if self.trained else self.place.shorter:
            self.say(
                f"{run.folder} is trained for {epochs_of(run)} epochs: `--continue {run.folder}` would train it further"
            )

    @property
    def trained(self) -> bool:
        """Whether the run is trained to its end."""
        return bool((self.folder.read_json(RECORD) or {}).get("trained"))

    def used(self) -> Run:
        """Return the trained run, with the missing evaluations of this recipe."""
        path, record = self.folder.folder, self.folder.read_json(RECORD)
        state = read_state(path, record)
        if state is None:
            raise UserError(str(path), "its last checkpoint is damaged; remove the folder to train it again")
        with as_written(path):
            run = opened(path, self.plan, record, state, self.choices.torch_device(), self.choices.judge_on)
        _ = run.data  # compared with those that it was trained on
        fitted = not lacks_fits(run)
        done = fitted and is_done(path, self.plan, self.folders, self.choices.judge_on)
        if not self.wait:
            if own_name(path) != self.plan.name:
                self.say(f"{path} has the same training, as {own_name(path)}: nothing is trained again")
            if done:
                self.say(f"{path} is finished; nothing to do")
            if self.hooks:
                self.say(f"{path} is trained: hooks receive events only of training, and of evaluations that run now")
            if self.plan.tables.watch is not None and not read_watched(path):
                self.say(f"{path} has no pictures: `[watch]` keeps them while a run trains, and this one is trained")
        changed = other_code(record, self.plan)
        if changed:
            self.say(f"warning: {path}: {changed}")
        if self.processes.first and not done:
            self.folder.open(wait=self.wait)
            try:
                manager = listeners(self.choices, self.folder.warn, handed=self.hooks)
                judge = judged_by(run, self.choices, self.interrupts, self.command)
                with telling(self.folder, manager):
                    known = read_recipe(path, self.folder.name).get("model") == self.plan.table.get("model")
                    if not (known and fitted):
                        keep_statistics(run, self.folder, manager)  # of what these roles name
                    evaluate_and_report(run, self.folder, self.folders, self.judges, judge, manager, self.command)
            finally:
                self.folder.close()
        return run

    def prepared(self) -> _Prepared:
        """Return all that training needs; it tries each step before the first file is written."""
        if self.choices.tensorboard:
            from semreg.running.tensorboard import require_tensorboard

            require_tensorboard()
        device = self.choices.torch_device()
        _require_gpu_for_fp16(self.plan, self.choices.precision, device)
        if self.choices.compile:
            _require_compilable(device, self.processes)
        skip = self.choices.skip_bad_images
        return self.built(self.processes.first_goes_ahead(lambda: open_data(self.plan, skip_bad_images=skip)))

    @uncollected()
    def built(self, data: Cached) -> _Prepared:
        """Return the objects that train on these data."""
        plan, choices, processes, parent = self.plan, self.choices, self.processes, self.place.parent
        device, seed = choices.torch_device(), self.place.identity.seed
        modules = {name: module.to(device) for name, module in build_modules(plan, seed=seed).items()}
        evaluated = Run(self.folder.folder, plan, modules, data, device, seed, choices.judge_on)
        load_weights(plan, modules, choices.out)
        local = share_batch_norm(modules, processes, device)
        remarks = [*too_many(choices.threads), *plan.warnings, *untrained(plan, modules), *local, *data.remarks]
        remarks += [*_constant(plan, data), *scarce(data, plan.labels_read()), *_untested(plan, evaluated.data)]
        remarks += without_effect(plan, modules)
        part = plan.trained_part()
        trained = {name: module for name, module in modules.items() if name in part.modules}
        setting = Setting(
            part, trained, seed, device, choices.precision, processes,
            capture=choices.capture == "auto", compile=choices.compile,
        )  # fmt: skip
        if choices.channels_last:
            remarks += to_channels_last(part, trained, device)
        shown = InTraining(plan, modules, held_out(data, plan.value_range, device), seed, device, choices.precision)
        require_pictures(shown)
        manager = plugin_manager.no_hooks()
        if processes.first:
            manager = listeners(choices, remarks.append, plan, self.hooks)
        begin = beginning(parent, data.fingerprint) if parent else None
        trainer = Trainer(setting, data, self.folder, manager, self.interrupts, begin)
        if not self.folder.begun:
            trainer.try_out()  # a recipe that cannot run leaves no folder
            check_judges(plan, choices)
            require_before_training(evaluated)
        return _Prepared(trainer, modules, manager, remarks, shown)

    @uncollected()
    def begin(self, prepared: _Prepared, note: str | None) -> None:
        """Record what is trained, and how."""
        parent = self.place.parent
        begun: dict[str, Any] = {
            "command": self.command,
            "fallback": note,
            "skip_bad_images": self.choices.skip_bad_images,
            "choices": self.choices.of_computing(),
            "continues": {"run": parent.folder.name, "hash": parent.record["hash"]} if parent else None,
        }
        trainer = prepared.trainer
        record_environment(
            self.folder, trainer.setting, trainer.data, self.place.identity, begun, self.choices.allow_other_processes
        )
        if self.processes.first:
            write_recipe(self.folder.folder, self.plan.name, self.plan.table)
        for remark in prepared.remarks:
            self.folder.warn(remark)

    def end(self, prepared: _Prepared) -> Run:
        """Return the trained run, with its statistics, its evaluations and its report."""
        trainer, folder = prepared.trainer, self.folder
        modules = averaged(prepared.modules, trainer.averages)
        to_channels_first(modules)  # in which the run is opened, too: the same figures each time
        for module in modules.values():
            module.eval().requires_grad_(False)
        setting = trainer.setting
        judge_on = self.choices.judge_on
        run = Run(folder.folder, self.plan, modules, trainer.data, setting.device, setting.seed, judge_on)
        if self.processes.first:
            keep_statistics(run, folder, prepared.manager)
            keep_last(folder.folder / CHECKPOINTS)
            folder.write_json(RECORD, folder.read_json(RECORD) | {"trained": True})
            judge = judged_by(run, self.choices, self.interrupts, self.command)
            evaluate_and_report(run, folder, self.folders, self.judges, judge, prepared.manager, self.command)
        return run

    def say(self, text: str) -> None:
        """Print a text once, whatever the number of processes."""
        if self.processes.first:
            say(text)


def judged_by(run: Run, choices: Choices, interrupts: Interrupts, command: str = "") -> Judges:
    """Return a function that trains or opens the judges of a run's evaluations: runs of their own recipes."""

    told: set[str] = set()

    def judge(path: Path, changes: Mapping[str, Any]) -> Run:
        plan = judge_plan(run.plan, path, changes, choices)
        if (taught := taught_by(changes)) and (said := f"{run.folder}: judged by {plan.name}. {taught}") not in told:
            told.add(said)
            say(said)
        return Runner(plan, of_a_judge(choices), interrupts, command=command, wait=True).run()

    return judge


def folders_of(plan: Plan, choices: Choices, judges: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the folders of a plan's evaluations, by their names, with the hashes of its judges if they are known.

    Raises UserError for errors in judges' recipes.
    """
    known = judges_of(plan, choices) if judges is None else judges
    return evaluation_folders(plan, lambda evaluation: known[evaluation.name], choices.out, choices.judge_on)


def _require_compilable(device: torch.device, processes: Processes) -> None:
    """Raise UserError if steps can't be compiled here, or if several processes train."""
    require_compiler(device)
    if processes.count > 1:
        said = "compiled steps of several processes don't draw what one process draws; leave --compile out"
        raise UserError("--compile", said)


def _require_gpu_for_fp16(plan: Plan, precision: str, device: torch.device) -> None:
    """Raise UserError if float16 is slower than float32 here."""
    own = [f"modules.{name}.precision" for name, module in plan.modules.items() if module.precision == "fp16"]
    where = ["--precision"] if precision == "fp16" else own
    if where and device.type != "cuda":
        said = f"fp16 trains on a GPU, and this run is on {device}; use bf16 or fp32"
        raise UserError(str(plan.recipe.path), [Problem(one, said) for one in where])


def _constant(plan: Plan, data: Cached) -> list[str]:
    """Return the labels that the recipe reads and that are the same for all images."""
    read = plan.labels_read()
    return [
        f"{name}: all training images have the same value of {', '.join(labels)}, so a model can't learn it"
        for name, labels in data.constant_attributes().items()
        if name in read
    ]


def _untested(plan: Plan, data: Cached) -> list[str]:
    if not plan.evaluations or data.counts["test"]:
        return []
    return ["no image is in the test split; evaluations that read it will fail after training"]
