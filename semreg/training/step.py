"""One step of a phase: forward, backward, exchange, update. To understand or change a step, read this file.

An execution draws `accumulate` batches and averages their gradients; all gradients come before any update. A recipe
states which losses train which modules; `recipe/routing.py` plans the fewest backward passes for that. Seeds and
weights are set on the host, before the first tensor is computed; from there on nothing waits for the device.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from operator import add
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from semreg.core import Problem, UserError, seed_of
from semreg.recipe.component_errors import naming_losses
from semreg.recipe.plan import Course, Node, PhasePlan, StepPlan, Weight
from semreg.recipe.schedules import factor_at
from semreg.training.buffers import buffers_kept
from semreg.training.captured import Captured
from semreg.training.clock import Clock
from semreg.training.compiled import Compiled
from semreg.training.draws import GlobalDraws, mixed
from semreg.training.optimizers import Optimizer, TrainedModule
from semreg.training.processes import GradientAverages
from semreg.training.program import Program
from semreg.training.setting import BatchSource, Setting


class Pass(NamedTuple):
    """A backward pass: the parameters that receive its gradients, and the weights of its losses."""

    parameters: list[nn.Parameter]
    weights: Mapping[str, Weight]
    nodes: Mapping[str, Node]
    """The losses, for messages."""
    selective: bool
    """Whether its losses reach trained parameters outside the pass."""


class Update(NamedTuple):
    """An optimiser's part in a step: the modules that it steps there, and the pass that it takes itself, if any."""

    optimizer: Optimizer
    parts: list[TrainedModule]
    own: Pass | None


class StepRunner:
    """One step of a phase: it executes the step on its batches, which leaves the gradients, and updates the modules by
    them.

    Args:
        setting: the run.
        phase: of the step; its name, with the step's, seeds the step's draws.
        step: the step.
        optimizers: of the phase.
        batches: of this step.
        clock: measures the parts of the step.
    """

    def __init__(
        self,
        setting: Setting,
        phase: PhasePlan,
        step: StepPlan,
        optimizers: Sequence[Optimizer],
        batches: BatchSource,
        clock: Clock,
    ) -> None:
        self.setting, self.phase, self.step, self.batches, self.clock = setting, phase, step, batches, clock
        self.program = Program(
            setting.plan, setting.modules, key=(setting.seed, phase.name, step.name),
            device=setting.device, precision=setting.precision, processes=setting.processes,
        )  # fmt: skip
        self.losses = {name: self.program.losses[name] for name in step.losses}
        self.draws = self.program.draws(self.losses)
        self.global_draws = GlobalDraws(setting.device)
        self.passes: list[Pass] = []
        self.updates: list[Update] = []
        self._plan_passes(optimizers)
        self.averages: GradientAverages | None = None
        """The gradients of a step with only one backward pass, which can be exchanged during it."""
        if setting.processes.count > 1 and len(self.passes) == 1:
            self.averages = GradientAverages(setting.processes, self.passes[0].parameters)
        self.scaler = GradScaler(setting.device.type) if setting.in_half_precision else None
        for update in self.updates:
            if self.scaler is not None and update.own is not None:
                where = update.optimizer.plan.node.where
                found = "it computes gradients again, which can't be scaled for fp16; use bf16 or fp32"
                raise UserError(setting.source, [Problem(where, found)])
        self.courses = list(step.courses())
        self.factors = {id(course): self._kept_factor(course) for course in self.courses}
        self.totals: list[Tensor] = []
        """The sums of the losses since the last request, in their order; empty if there is none."""
        self.batches_summed = 0
        self.compiled = Compiled(self) if setting.compile else None
        self.captured = Captured(self) if setting.capture and setting.device.type == "cuda" else None

    def _plan_passes(self, optimizers: Sequence[Optimizer]) -> None:
        parts = {part.name: part for optimizer in optimizers for part in optimizer.parts}
        own: dict[str, Pass] = {}
        for backward in self.step.backwards:
            if not backward.weights:
                continue
            parameters = [parameter for module in backward.modules for parameter in parts[module].parameters]
            selective = bool(backward.reached & parts.keys() - {*backward.modules})
            nodes = {name: self.program.plan.losses[name] for name in backward.weights}
            made = Pass(parameters, backward.weights, nodes, selective)
            if parts[backward.modules[0]].plan.needs_closure:
                own[backward.modules[0]] = made
            else:
                self.passes.append(made)
        for optimizer in optimizers:
            stepped = [part for part in optimizer.parts if part.name in self.step.rows]
            if stepped:
                self.updates.append(Update(optimizer, stepped, own.get(stepped[0].name)))

    def seed_global_draws(self) -> None:
        """Seed PyTorch's global generators for each execution, differently in each process, if used."""
        seed, rank = seed_of(self.setting.seed, self.phase.name, self.step.name, "global"), self.setting.processes.rank
        self.global_draws.seed = mixed(seed, rank) if rank else seed

    # --- what is done on the host, before the first tensor ---

    def follow(self, epoch: float) -> None:
        """Set scheduled weights, and the progress that components read, to their values at `epoch`, fractional."""
        for course in self.courses:
            self._set_factor(course, epoch)
        if self.program.progress is not None:
            self.program.progress.fill_(epoch / self.phase.epochs)

    def _kept_factor(self, course: Course) -> float | Tensor:
        """Return the place of a scheduled weight, for a captured or compiled step to read."""
        if self.setting.device.type != "cuda" and not self.setting.compile:
            return course.weight
        return torch.tensor(course.weight, dtype=torch.float32, device=self.setting.device)

    def _set_factor(self, course: Course, epoch: float) -> None:
        value = course.weight * factor_at(course.schedule, epoch, self.phase.epochs, self.setting.source)
        kept = self.factors[id(course)]
        if isinstance(kept, Tensor):
            kept.fill_(value / self.step.accumulate)
        else:
            self.factors[id(course)] = value / self.step.accumulate

    def run(self, count: int) -> None:
        """Run execution number `count` as a whole."""
        if self.captured is None or not self.captured.run(count):
            self.execute(count)
            self.update(count)

    def next_batch(self, index: int) -> dict[str, Any]:
        """Return batch number `index`, after seeding all draws for it."""
        self.global_draws.reseed(index)
        for draws in self.draws:
            draws.seed(index)
        self.clock.lap("other")
        batch = self.batches.batch(index)
        self.clock.lap("data")
        return batch

    # --- what is done on the device ---

    def execute(self, count: int, own: Pass | None = None) -> list[Tensor]:
        """Leave every gradient of execution number `count`; no parameter is changed.

        With `own`, leave only the gradients of that pass, and nothing for the records. Returns the sums over batches of
        the losses, or of those of `own`, in their order.
        """
        passes = self.passes if own is None else [own]
        names = list(self.losses if own is None else own.weights)
        first = count * self.step.accumulate
        sums = self.gradients(self.next_batch(first), first, passes, names)
        if self.step.accumulate > 1 or self.setting.processes.count > 1:
            sums = [loss.clone() for loss in sums]
        for index in range(first + 1, first + self.step.accumulate):
            add_each(sums, self.gradients(self.next_batch(index), index, passes, names))
        self.exchange(passes, sums)
        if own is None:
            self.note(sums)
        return sums

    def gradients(
        self, batch: Mapping[str, Any], index: int, passes: Sequence[Pass], names: Sequence[str]
    ) -> list[Tensor]:
        """Add the gradients of the passes on batch number `index`; return the losses of these names."""
        if self.compiled is not None and self.compiled.begins(index):
            values, totals = self.compiled.losses_and_totals(batch, passes, names)
        else:
            execution = dict(batch)
            values = []
            with self.program.autocast():
                for name in names:
                    values.append(self.losses[name](execution))  # one frame less for debuggers
            totals = self.weighted(passes, dict(zip(names, values, strict=True)))
        self.clock.lap("forward")
        averages = self._averages_of(passes)
        last = (index + 1) % self.step.accumulate == 0
        with averages.while_going_back() if averages and last else contextlib.nullcontext():
            for number, (one, total) in enumerate(zip(passes, totals, strict=True), 1):
                scaled = total if self.scaler is None else self.scaler.scale(total)
                inputs = one.parameters if one.selective else None  # to choose costs more than to take all
                with naming_losses(one.nodes, self.setting.source):
                    torch.autograd.backward(scaled, inputs=inputs, retain_graph=number < len(passes))
        self.clock.lap("backward")
        return [value.detach() for value in values]

    def weighted(self, passes: Sequence[Pass], losses: Mapping[str, Tensor]) -> list[Tensor]:
        """Return each pass's total to differentiate: Σ weight · loss."""
        totals = []
        for one in passes:
            terms = []
            for name, weight in one.weights.items():
                factor = self.weight(weight)
                terms.append(losses[name] if isinstance(factor, float) and factor == 1 else losses[name] * factor)
            totals.append(reduce(add, terms))
        return totals

    def weight(self, weight: Weight) -> float | Tensor:
        """Return a current weight, for one of the batches that an execution averages."""
        return self.factors[id(weight)] if isinstance(weight, Course) else weight / self.step.accumulate

    def _averages_of(self, passes: Sequence[Pass]) -> GradientAverages | None:
        return self.averages if passes is self.passes else None

    def exchange(self, passes: Sequence[Pass], losses: list[Tensor]) -> None:
        """Average gradients and losses over the processes."""
        if self.setting.processes.count == 1:
            return
        averages = self._averages_of(passes)
        if averages is not None:
            averages.end(losses)
        else:
            gradients = [p.grad for one in passes for p in one.parameters if p.grad is not None]
            self.setting.processes.average([*gradients, *losses])
        self.clock.lap("exchange")

    def note(self, sums: list[Tensor]) -> None:
        """Add the losses of an execution to the sums for the records."""
        if self.totals:
            add_each(self.totals, sums)
        else:
            self.totals = [loss.clone() for loss in sums]  # a loss may be a view of what it was given
        self.batches_summed += self.step.accumulate

    def update(self, count: int) -> None:
        """Step the optimisers of the step's modules, by the gradients of execution `count`."""
        for update in self.updates:
            again = None if update.own is None else partial(self.again, count, update.own, update.optimizer)
            update.optimizer.step(update.parts, again, self.scaler)
        if self.scaler is not None:
            self.scaler.update()
        self.clock.lap("optimizer")

    def again(self, count: int, own: Pass, optimizer: Optimizer) -> Tensor:
        """Compute the loss and the gradient of a module's own pass at its current weights, for a closure."""
        self.clock.lap("optimizer")
        optimizer.forget()
        with buffers_kept(self.setting.modules.values()):  # the execution itself has averaged these batches already
            losses = self.execute(count, own)
        for part in optimizer.parts:
            part.clip()
        terms = [loss * self.weight(weight) for loss, weight in zip(losses, own.weights.values(), strict=True)]
        return torch.stack(terms).sum()

    # --- records ---

    def means(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return the means of the losses, by their sums since the last request; a non-finite one stays non-finite."""
        means = {name: total / self.batches_summed for name, total in sums.items()}
        self.batches_summed = 0
        if self.captured is None:
            self.totals = []
        for total in self.totals:
            total.zero_()  # a captured step adds to them where they are
        return means

    def kept_sums(self) -> dict[str, Tensor]:
        """Return the sums, for a checkpoint."""
        return dict(zip(self.losses, self.totals, strict=True)) if self.totals else {}

    def load_sums(self, sums: Mapping[str, Tensor]) -> None:
        """Load the result of `kept_sums`."""
        self.totals = [sums[name].to(self.setting.device) for name in self.losses] if sums else []

    def remarks(self) -> list[str]:
        """Return warnings since the last call."""
        told = [one for one in (self.compiled, self.captured) if one is not None]
        return [remark for one in told for remark in one.remarks()]


def add_each(totals: list[Tensor], more: list[Tensor]) -> None:
    """Add to each total, in place."""
    torch._foreach_add_(totals, more)
