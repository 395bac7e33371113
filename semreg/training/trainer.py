"""Training of a run: phases in order, records, checkpoints, and resumption from the last of them."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pluggy
import torch

from semreg.core import Problem, UserError, plugin_manager
from semreg.core.hookspecs import Progress
from semreg.core.memory import out_of_memory
from semreg.data.batches import AHEAD, Batches, sequential
from semreg.data.dataset import Cached
from semreg.data.device_data import DeviceData
from semreg.recipe.component_errors import naming_component
from semreg.recipe.plan import Node, PhasePlan, Read, StepPlan, reads_in
from semreg.store.checkpoint import read_latest, write_checkpoint
from semreg.store.folder import RunFolder
from semreg.store.layout import CHECKPOINTS, CONTINUATION, METRICS
from semreg.store.reading import as_written
from semreg.training.interrupts import Interrupts
from semreg.training.memory import batch_that_fits, forget_peak, shortage
from semreg.training.pace import Pace
from semreg.training.phase import PhaseRunner
from semreg.training.placing import fields_read, on_device
from semreg.training.setting import Setting
from semreg.training.trial import evaluation_program, precompute, try_out

SECONDS_BETWEEN_CHECKPOINTS = 30.0
SHARE_OF_CHECKPOINTS = 0.05
"""Large checkpoints are written less often, so that writing takes about this share of the time."""
SECONDS_TO_WAIT_FOR_FIRST = 10.0
"""How long a process other than the first continues after a signal, so that the first can end its iteration."""
RECORDS_PER_EPOCH = 4
BATCH_IN_ORDER = 256
SECONDS_BETWEEN_STATUSES = 1.0
TIMINGS = (
    "images_per_second",
    "seconds",
    "seconds_per_iteration",
    "seconds_of_validation",
    "seconds_of_checkpoints",
)
"""Metrics that differ between runs with equal bits."""


@dataclass(frozen=True)
class Begin:
    """The start of a run that continues from another: that run's folder, and its state at the end of its last phase."""

    folder: Path
    state: Mapping[str, Any]


class Trainer:
    """The training of a plan's phases into a run's folder.

    Args:
        setting: plan, modules (on the device), seed, device and precision.
        data: the cached data set.
        folder: for records and checkpoints.
        manager: the hooks to call.
        interrupts: the signals that may end the training early.
        begin: the other run's end, if this one continues from there.
    """

    def __init__(
        self,
        setting: Setting,
        data: Cached,
        folder: RunFolder,
        manager: pluggy.PluginManager,
        interrupts: Interrupts | None = None,
        begin: Begin | None = None,
    ) -> None:
        self.setting, self.data, self.folder, self.manager, self.begin = setting, data, folder, manager, begin
        self.interrupts = interrupts or Interrupts()
        self.source = setting.source
        self.averages: dict[str, dict[str, torch.Tensor]] = {}
        self.number = 0
        self.status_written = 0.0
        self.reader: Executor | None = None
        threads = torch.get_num_threads() if setting.device.type == "cpu" else 1
        self.pace = Pace(threads, setting.processes.count)

    # --- batches ---

    @cached_property
    def device_data(self) -> DeviceData | None:
        """The data of the steps on a GPU, if they may be there; decided, and printed, once."""
        return on_device(self.setting, self.data)

    @property
    def decodes(self) -> bool:
        """Whether images are decoded when they are read."""
        return self.data.images is not None and self.data.images.decodes

    def batches(
        self, phase: PhasePlan, step: StepPlan, extra: Mapping[str, torch.Tensor], more_fields: Collection[str] = ()
    ) -> Batches:
        """Return the batches of one step of a phase, with its precomputed values, and only the fields that it reads."""
        plan = self.setting.plan
        sampler: dict[str, Any] = {}
        if phase.sampler is not None:
            sampler = {
                "sampler": partial(_sampled, phase.sampler, self.source),
                "sampler_labels": list(reads_in(phase.sampler)),
                "sampler_shards": "shards" in phase.sampler.loaded.signature.parameters,
                "sampler_key": phase.sampler.where,
            }
        fields = fields_read(plan, step, extra) | set(more_fields)
        placed = self.device_data.fields(phase.split, fields, extra) if self.device_data else None
        ahead = self.device_data or (self.decodes and "image" in fields)
        reader = self.reader if ahead and placed is None else None
        processes = self.setting.processes
        return Batches(
            self.data, self.data.rows(phase.split), phase.batch_size, seed=self.setting.seed,
            key=(phase.name, step.name), accumulate=step.accumulate,
            accumulate_key=f"{phase.key_of(step)}.accumulate", fields=fields, extra=extra,
            value_range=plan.value_range, device=self.setting.device, part=(processes.rank, processes.count),
            source=self.source, placed=placed, reader=reader, **sampler,
        )  # fmt: skip

    def in_order(
        self, split: str, fields: Collection[str], extra: Mapping[str, torch.Tensor] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the batches of a split in order."""
        return sequential(
            self.data, self.data.rows(split), BATCH_IN_ORDER, fields=fields, extra=extra,
            value_range=self.setting.plan.value_range, device=self.setting.device,
        )  # fmt: skip

    def precomputed(self, phase: PhasePlan, split: str) -> dict[str, torch.Tensor]:
        """Return the tensors that the phase computes once, for all rows of a split, on the CPU."""
        if not phase.precompute:
            return {}
        program = evaluation_program(self.setting)
        fields = self.setting.plan.fields_of([Read(name) for name in phase.precompute])
        parts: dict[str, list[torch.Tensor]] = {name: [] for name in phase.precompute}
        for index, batch in enumerate(self.in_order(split, fields)):
            execution = program.execution(batch, index)
            for name, value in precompute(self.setting, program, phase.precompute, execution).items():
                parts[name].append(value.cpu())
        return {name: torch.cat(values) for name, values in parts.items()}

    def validation(self, phase: PhasePlan, extra: Mapping[str, torch.Tensor]) -> Iterator[dict[str, Any]]:
        """Yield the validation split's batches, with the values that the validated losses read."""
        losses = [self.setting.plan.losses[loss] for loss in phase.validate.losses] if phase.validate else []
        return self.in_order("validation", self.setting.plan.fields_of(losses, frozenset(extra)), extra)

    def try_out(self) -> None:
        """Try every step of every phase on its first batch."""
        plan = self.setting.plan
        for phase in plan.phases:
            if phase.validate is not None and not len(self.data.rows("validation")):
                raise UserError(self.source, f"phase {phase.name!r} validates, and the data have no validation split")

        def first_batch(phase: PhasePlan, step: StepPlan) -> dict[str, Any]:
            return self.batches(phase, step, {}, plan.fields_of([Read(n) for n in phase.precompute])).batch(0)

        with self.memory_told(max(plan.phases, key=lambda phase: phase.batch_size)):
            try_out(self.setting, first_batch)

    @contextmanager
    def memory_told(self, phase: PhasePlan) -> Iterator[None]:
        """Report a lack of memory as too large batches of a phase."""
        forget_peak(self.setting.device)
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            own = "batch_size" in self.setting.plan.table["phases"][phase.name].get("data", {})
            where = f"phases.{phase.name}.data.batch_size" if own else "data.batch_size"
            needed, room = shortage(error, self.setting.device) or (0, 0)
            smaller = batch_that_fits(phase.batch_size, needed, room)
            if phase.batch_size == 1:
                said = "memory ran out with batches of 1; a smaller network, or another device, would fit"
                raise UserError(self.source, [Problem(where, said)]) from error
            seen = f", at least {needed / 2**30:.2f} GiB where there are {room / 2**30:.2f}" if needed else ""
            message = f"memory ran out with batches of {phase.batch_size}{seen}; try --set {where}={smaller}, and "
            message += f"{math.ceil(phase.batch_size / smaller)} × the `accumulate` of each step for the same updates"
            raise UserError(self.source, [Problem(where, message)]) from error

    # --- training ---

    def train(self) -> None:
        """Train all phases, resuming from the newest whole checkpoint of the folder."""
        placed = self.device_data
        threads = AHEAD if self.decodes else 1  # that begin when they are needed
        with ThreadPoolExecutor(threads, "reading ahead") as self.reader:
            self.train_phases()
        self.reader = None
        if placed:
            placed.clear()

    def train_phases(self) -> None:
        """Train all phases, while there is a `reader`."""
        state, notes = read_latest(self.folder.folder / CHECKPOINTS)
        for note in notes:
            self.folder.warn(f"{note}; continuing from the one before")
        if state is None:
            self.folder.cut_logs({})
            state = {"number": 0, "phase": 0, "iteration": 0, "phase_state": None, "modules": {}, "averages": {}}
            if self.begin is not None:
                state |= self.begin.state
                self.folder.copy_log(METRICS, self.begin.folder)
        else:
            with as_written(self.folder.folder):
                self.folder.cut_logs(state["logs"])
        with as_written(self.folder.folder):
            for name, weights in state["modules"].items():
                self.setting.modules[name].load_state_dict(weights)
            if state["number"] < 0 or state["phase"] < 0 or state["iteration"] < 0:
                raise ValueError("a number below zero")
        self.number, self.averages = state["number"], state["averages"]
        for index in range(state["phase"], len(self.setting.plan.phases)):
            phase = self.setting.plan.phases[index]
            resumed = state["phase_state"] if index == state["phase"] else None
            with self.memory_told(phase):
                runner = self.begin_phase(phase, resumed)
                start, seconds = (state["iteration"], resumed["seconds"]) if resumed else (0, 0.0)
                with self.interrupts.deferred():
                    reached = self.loop(runner, index, start, seconds)
                epoch = reached[0] // runner.iterations_per_epoch
                plugin_manager.call(self.manager, "phase_finished", run=self.folder, phase=phase.name, epoch=epoch)
                if index + 1 == len(self.setting.plan.phases):
                    self.keep_end(runner, index, *reached)
                self.end_phase(runner, index)
                del runner  # before the next takes memory
        for module in self.setting.modules.values():
            module.eval().requires_grad_(False)

    def begin_phase(self, phase: PhasePlan, state: Mapping[str, Any] | None) -> PhaseRunner:
        """Return a phase with its batches, tried out, and trained as far as `state` states."""
        plugin_manager.call(self.manager, "phase_started", run=self.folder, phase=phase.name)
        extra = self.precomputed(phase, phase.split)
        if self.device_data:
            extra = self.device_data.with_them(extra)
        held_out = self.precomputed(phase, "validation") if phase.validate else {}
        runner = PhaseRunner(
            self.setting, phase, lambda step: self.batches(phase, step, extra), lambda: self.validation(phase, held_out)
        )
        runner.try_out()
        if state is not None:
            with as_written(self.folder.folder):
                runner.load_state(state)
        return runner

    def keep_end(self, runner: PhaseRunner, index: int, iteration: int, seconds: float) -> None:
        """Store the end of the last phase, before the best weights are loaded, for a run that continues from there."""
        if not self.setting.processes.first:
            return
        runner.check_finite()
        state = {
            "phase": index,
            "iteration": iteration,
            "phase_state": runner.state() | {"seconds": seconds},
            "modules": {name: module.state_dict() for name, module in self.setting.modules.items()},
            "averages": self.averages,
        }
        write_checkpoint(self.folder.folder / CONTINUATION, 1, state)

    def end_phase(self, runner: PhaseRunner, index: int) -> None:
        """Store the result of the phase in a checkpoint, where the next phase starts."""
        runner.check_finite()
        runner.finish()
        for name, part in runner.trained.items():
            if part.average:
                self.averages[name] = part.average
        self.checkpoint(index + 1, 0)
        self.interrupts.raise_pending()

    def loop(self, runner: PhaseRunner, index: int, start: int, seconds_before: float) -> tuple[int, float]:
        """Run the iterations of a phase from number `start` on, with records, hooks, validation and checkpoints.

        Returns how many iterations the phase has had, and how many seconds they took.
        """
        phase, per_epoch, clock = runner.phase, runner.iterations_per_epoch, runner.clock
        interval = math.ceil(per_epoch / RECORDS_PER_EPOCH)
        listening = plugin_manager.listeners(self.manager, "iteration_done")
        begun = recorded = saved = time.monotonic()
        pause, checkpointing = SECONDS_BETWEEN_CHECKPOINTS, 0.0
        since = start
        self.pace.begin()
        if runner.out_of_patience:
            return start, seconds_before
        for iteration in range(start, runner.iterations):
            clock.start(iteration)
            runner.iterate(iteration)
            epoch_ends = (iteration + 1) % per_epoch == 0
            losses, speed = None, None
            if epoch_ends or (iteration % per_epoch + 1) % interval == 0:
                losses, now = runner.losses(), time.monotonic()
                speed = (iteration + 1 - since) * phase.images / max(now - recorded, 1e-9)
                recorded, since = now, iteration + 1
                parts = clock.means()
                times = {"seconds": round(seconds_before + now - begun, 3), "seconds_per_iteration": parts}
                if checkpointing:
                    times["seconds_of_checkpoints"], checkpointing = round(checkpointing, 3), 0.0
                self.record(runner, iteration, {"losses": losses, "images_per_second": round(speed, 1), **times})
                for remark in (*runner.remarks(), self.pace.remark(parts)):
                    if remark is not None:
                        self.folder.warn(remark)
            clock.lap("other")
            if listening:
                progress = Progress(
                    phase.name,
                    iteration // per_epoch + 1,
                    phase.epochs,
                    iteration + 1,
                    runner.iterations,
                    losses,
                    speed,
                )
                plugin_manager.call(self.manager, "iteration_done", run=self.folder, progress=progress)
                clock.lap("hooks")
            if epoch_ends and self.validate(runner, iteration):
                return iteration + 1, seconds_before + time.monotonic() - begun
            now = time.monotonic()
            stopping = self.stopping(now)
            if (stopping or now - saved > pause) and iteration + 1 < runner.iterations:
                self.checkpoint(index, iteration + 1, runner, seconds_before + now - begun)
                saved = time.monotonic()
                checkpointing += saved - now
                pause = max(SECONDS_BETWEEN_CHECKPOINTS, (saved - now) / SHARE_OF_CHECKPOINTS)
                if stopping:
                    self.interrupts.raise_pending()
        return max(start, runner.iterations), seconds_before + time.monotonic() - begun

    def stopping(self, now: float) -> bool:
        """Return whether a signal asks to stop here. The first process stops at once, the others leave it time."""
        if self.interrupts.pending is None:
            return False
        return self.setting.processes.first or now - self.interrupts.pending_since > SECONDS_TO_WAIT_FOR_FIRST

    def validate(self, runner: PhaseRunner, iteration: int) -> bool:
        """Validate if the recipe does so after this epoch; return True if the phase should end here."""
        table, epoch = runner.phase.validate, (iteration + 1) // runner.iterations_per_epoch
        if table is None or epoch % table.every:
            return False
        begun = time.monotonic()
        values, best = runner.validate()
        took = {"seconds_of_validation": round(time.monotonic() - begun, 3)}
        self.record(runner, iteration, {"validation": values, "best": best, **took})
        return runner.out_of_patience

    def record(self, runner: PhaseRunner, iteration: int, more: Mapping[str, Any]) -> None:
        epoch = iteration // runner.iterations_per_epoch + 1
        where = {
            "phase": runner.phase.name,
            "epoch": epoch,
            "iteration": iteration + 1,
            "iterations": runner.iterations,
        }
        self.folder.append(METRICS, {**where, **more})
        now = time.monotonic()
        if now - self.status_written > SECONDS_BETWEEN_STATUSES or iteration + 1 == runner.iterations:
            self.folder.status(
                "running", phase=runner.phase.name, iteration=iteration + 1, iterations=runner.iterations
            )
            self.status_written = now

    def checkpoint(self, phase: int, iteration: int, runner: PhaseRunner | None = None, seconds: float = 0.0) -> None:
        """Write a checkpoint, for training to resume at this iteration of this phase."""
        if not self.setting.processes.first:
            return
        phase_state: dict[str, Any] | None = None
        if runner is not None:
            runner.check_finite()
            phase_state = runner.state() | {"seconds": seconds}
        self.number += 1
        state = {
            "number": self.number,
            "phase": phase,
            "iteration": iteration,
            "phase_state": phase_state,
            "modules": {name: module.state_dict() for name, module in self.setting.modules.items()},
            "averages": self.averages,
            "logs": self.folder.log_lengths(),
        }
        path = write_checkpoint(self.folder.folder / CHECKPOINTS, self.number, state)
        plugin_manager.call(self.manager, "checkpoint_written", run=self.folder, path=path)


def _sampled(node: Node, source: str, *labels: torch.Tensor, **filled: Any) -> torch.Tensor:
    """Return the draw of a recipe's sampler. Raises UserError that names it."""
    with naming_component(node, source):
        order: torch.Tensor = node.loaded.value(*labels, **filled, **node.options)
        return order
