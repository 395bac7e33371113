"""One step of a phase, whole: forward, backwards, exchange, update. To see how a step works, or to change it, read on.

An execution draws `accumulate` batches and averages their gradients; all gradients come before any update. A recipe
says which losses train which modules; `recipe/routing.py` plans how few backward passes that takes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from semreg.core import Problem, UserError
from semreg.recipe.component_errors import naming_losses
from semreg.recipe.plan import Course, StepPlan, Weight
from semreg.recipe.schedules import factor_at
from semreg.training.buffers import buffers_kept
from semreg.training.clock import Clock
from semreg.training.draws import GlobalDraws
from semreg.training.optimizers import ModuleOptimizer
from semreg.training.processes import GradientAverages
from semreg.training.program import Execution, Program
from semreg.training.setting import BatchSource, Setting


class Pass(NamedTuple):
    """A backward pass: the parameters that its gradients go to, and the weights of its losses."""

    parameters: list[nn.Parameter]
    weights: Mapping[str, Weight]


class StepRunner:
    """One step of a phase: executes it on its batches, which leaves the gradients, and updates the modules by them.

    Args:
        setting: the run.
        phase: the phase's name; with the step's it seeds the step's draws.
        epochs: the phase's length, for the courses of weights.
        step: the step.
        optimizers: of the phase, by module.
        batches: of this step.
        clock: told what the time goes into.
    """

    def __init__(
        self,
        setting: Setting,
        phase: str,
        epochs: int,
        step: StepPlan,
        optimizers: Mapping[str, ModuleOptimizer],
        batches: BatchSource,
        clock: Clock,
    ) -> None:
        self.setting, self.step, self.epochs, self.batches, self.clock = setting, step, epochs, batches, clock
        self.program = Program(
            setting.plan, setting.modules, key=(setting.seed, phase, step.name),
            device=setting.device, precision=setting.precision, processes=setting.processes,
        )  # fmt: skip
        self.losses = {name: self.program.losses[name] for name in step.losses}
        self.optimizers = {module: optimizers[module] for module in step.rows}
        self.passes: list[Pass] = []
        self.own_passes: dict[str, Pass] = {}
        """Of the modules whose optimiser takes gradients itself, several times."""
        for backward in step.backwards:
            parameters = [parameter for module in backward.modules for parameter in optimizers[module].parameters]
            if optimizers[backward.modules[0]].plan.needs_closure:
                self.own_passes[backward.modules[0]] = Pass(parameters, backward.weights)
            else:
                self.passes.append(Pass(parameters, backward.weights))
        self.averages: GradientAverages | None = None
        """Of a step whose gradients are all left by one backward pass, which can be exchanged while it goes on."""
        if setting.processes.count > 1 and len(self.passes) == 1:
            self.averages = GradientAverages(setting.processes, self.passes[0].parameters)
        self.scaler = GradScaler(setting.device.type) if setting.in_half_precision else None
        if self.scaler is not None and self.own_passes:
            where = optimizers[next(iter(self.own_passes))].plan.node.where
            found = "it computes gradients again, which can't be scaled for fp16; bf16 and fp32 fit"
            raise UserError(setting.source, [Problem(where, found)])
        self.global_draws = GlobalDraws(setting.device)
        self.sums: dict[str, Tensor] = {}
        self.batches_summed = 0

    def execute(self, count: int, epoch: float, own: Pass | None = None) -> dict[str, Tensor]:
        """Execution number `count`, at `epoch`, leaves every gradient; no parameter is changed.

        With `own`, the gradients of that pass alone, and nothing for the records. Returns the sums of losses over
        batches.
        """
        passes = self.passes if own is None else [own]
        wanted = self.losses if own is None else own.weights
        averages = self.averages if own is None else None
        sums: dict[str, Tensor] = {}
        for index in range(count * self.step.accumulate, (count + 1) * self.step.accumulate):
            self.global_draws.reseed(index)
            self.clock.lap("other")
            execution = Execution(self.batches.batch(index), index)
            self.clock.lap("data")
            losses: dict[str, Tensor] = {}
            with self.program.autocast():
                for name in wanted:
                    losses[name] = self.losses[name](execution)
            self.clock.lap("forward")
            last = index + 1 == (count + 1) * self.step.accumulate
            with averages.while_going_back() if averages and last else contextlib.nullcontext():
                for number, one in enumerate(passes, 1):
                    self.backward(one, losses, epoch, keep_graph=number < len(passes))
            self.clock.lap("backward")
            for name, loss in losses.items():
                sums[name] = sums[name] + loss.detach() if name in sums else loss.detach()
        self.exchange(averages, passes, sums)
        if own is None:
            self.sums = {name: self.sums[name] + loss if self.sums else loss for name, loss in sums.items()}
            self.batches_summed += self.step.accumulate
        return sums

    def backward(self, one: Pass, losses: Mapping[str, Tensor], epoch: float, *, keep_graph: bool) -> None:
        """Add the gradient of Σ weight · loss to the parameters of a pass."""
        total: Tensor | None = None
        for name, weight in one.weights.items():
            factor = self.weight(weight, epoch)
            term = losses[name] if factor == 1 else losses[name] * factor
            total = term if total is None else total + term
        if total is None:
            return
        if self.scaler is not None:
            total = self.scaler.scale(total)
        with naming_losses({name: self.program.plan.losses[name] for name in one.weights}, self.setting.source):
            torch.autograd.backward(total, inputs=one.parameters, retain_graph=keep_graph)

    def weight(self, weight: Weight, epoch: float) -> float:
        """A weight at `epoch`, of one of the batches that an execution averages."""
        if isinstance(weight, Course):
            weight = weight.weight * factor_at(weight.schedule, epoch, self.epochs, self.setting.source)
        return weight / self.step.accumulate

    def exchange(self, averages: GradientAverages | None, passes: Iterable[Pass], losses: dict[str, Tensor]) -> None:
        """Average gradients and losses over the processes."""
        if self.setting.processes.count == 1:
            return
        losses.update({name: loss.clone() for name, loss in losses.items()})
        if averages is not None:
            averages.end(losses.values())
        else:
            gradients = [p.grad for one in passes for p in one.parameters if p.grad is not None]
            self.setting.processes.average([*gradients, *losses.values()])
        self.clock.lap("exchange")

    def update(self, count: int, epoch: float) -> None:
        """Step the optimisers of the modules that the step trains, by the gradients that execution `count` left."""
        for module, optimizer in self.optimizers.items():
            own = self.own_passes.get(module)
            again = None if own is None else partial(self.again, count, epoch, own, optimizer)
            optimizer.step(again, self.scaler)
        if self.scaler is not None:
            self.scaler.update()
        self.clock.lap("optimizer")

    def again(self, count: int, epoch: float, own: Pass, optimizer: ModuleOptimizer) -> Tensor:
        """What an optimiser's closure does: the loss and the gradient of a module's own pass, at its weights of now."""
        self.clock.lap("optimizer")
        optimizer.forget()
        with buffers_kept(self.setting.modules.values()):  # the execution itself has averaged these batches already
            losses = self.execute(count, epoch, own)
        optimizer.clip()
        terms = [losses[name] * self.weight(weight, epoch) for name, weight in own.weights.items()]
        return torch.stack(terms).sum()

    def means(self) -> dict[str, float]:
        """The mean of each loss since this was last asked for; a non-finite one stays non-finite."""
        means = {name: float(total) / self.batches_summed for name, total in self.sums.items()}
        self.sums, self.batches_summed = {}, 0
        return means
