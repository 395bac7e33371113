"""One step of a phase: a batch in, all its losses and gradients, then its optimisers."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from semreg.core import Problem, UserError
from semreg.core.errors import ComponentError
from semreg.core.memory import out_of_memory
from semreg.recipe.component_errors import failure_text
from semreg.recipe.plan import Plan, StepPlan
from semreg.training.clock import Clock
from semreg.training.draws import mixed
from semreg.training.optimizers import ModuleOptimizer
from semreg.training.processes import ALONE, Processes
from semreg.training.program import Execution, Program


@dataclass
class Setting:
    """What all phases of a run share."""

    plan: Plan
    modules: dict[str, nn.Module]
    seed: int
    device: torch.device
    precision: str
    processes: Processes = ALONE


class BatchSource(Protocol):
    """Batches by their number, from 0; `per_epoch` of them make an epoch."""

    per_epoch: int

    def batch(self, count: int) -> dict[str, Any]:
        """Batch number `count`."""


class StepRunner:
    """One step of a phase: executes it on a batch, which leaves the gradients, and updates the modules by them.

    Args:
        setting: the run.
        phase: the phase's name; with the step's it seeds the step's draws.
        step: the step.
        optimizers: of the phase, by module.
        batches: of this step.
        clock: told what the time goes into.
    """

    def __init__(
        self,
        setting: Setting,
        phase: str,
        step: StepPlan,
        optimizers: Mapping[str, ModuleOptimizer],
        batches: BatchSource,
        clock: Clock,
    ) -> None:
        self.step, self.batches, self.clock, self.processes = step, batches, clock, setting.processes
        self.repeat = step.repeat
        self.program = Program(
            setting.plan,
            setting.modules,
            key=(setting.seed, phase, step.name),
            device=setting.device,
            precision=setting.precision,
            rank=setting.processes.rank,
        )
        self.optimizers = [optimizers[module] for module in step.rows]
        self.backwards = [
            (
                [parameter for module in backward.modules for parameter in optimizers[module].parameters],
                backward.weights,
            )
            for backward in step.backwards
        ]
        self.losses = {name: self.program.losses[name] for name in step.losses}
        self.sums: dict[str, torch.Tensor] = {}
        self.executions = 0
        self.generators = _global_generators(setting.device)
        self.dropout_seed: int | None = None

    def update(self) -> None:
        """Step the optimisers of the modules that the step trains."""
        for optimizer in self.optimizers:
            optimizer.step()
        self.clock.lap("optimizer")

    def exchange(self, losses: Iterable[torch.Tensor]) -> None:
        """Average the gradients and losses over the processes."""
        parameters = (parameter for optimizer in self.optimizers for parameter in optimizer.parameters)
        self.processes.average([*(p.grad for p in parameters if p.grad is not None), *losses])
        self.clock.lap("exchange")

    def execute(self, count: int) -> None:
        """Execution number `count`: its batch, its losses, and every gradient; no parameter is changed."""
        if self.dropout_seed is not None:
            for generator in self.generators:  # torch.manual_seed takes a hundred times as long
                generator.manual_seed(mixed(self.dropout_seed, count))
        self.clock.lap("other")
        execution = Execution(self.batches.batch(count), count)
        self.clock.lap("data")
        with self.program.autocast():
            losses = {}
            for name, loss in self.losses.items():
                losses[name] = loss(execution)
        self.clock.lap("forward")
        last = len(self.backwards) - 1
        for number, (parameters, weights) in enumerate(self.backwards):
            total: torch.Tensor | None = None
            for name, weight in weights.items():
                term = losses[name] if weight == 1 else losses[name] * weight
                total = term if total is None else total + term
            if total is not None:
                with self.of_the_gradient(*weights):
                    torch.autograd.backward(total, inputs=parameters, retain_graph=number < last)
        self.clock.lap("backward")
        values = {name: loss.detach() for name, loss in losses.items()}
        if self.processes.count > 1:
            values = {name: value.clone() for name, value in values.items()}
            self.exchange(values.values())
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.executions += 1

    @contextmanager
    def of_the_gradient(self, *losses: str) -> Iterator[None]:
        """Inside, what is raised where a gradient is computed becomes a UserError that names the losses."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if out_of_memory(error):
                raise
            nodes = {name: self.program.plan.losses[name] for name in losses}
            last = traceback.extract_tb(error.__traceback__)[-1]  # of whatever the loss depends on
            place = f"{Path(last.filename).name} line {last.lineno}"
            said = f"its gradient can't be computed: it {failure_text(error)} ({place})"
            kind = UserError if isinstance(error, Exception) else ComponentError
            problems = [Problem(f"losses.{name}", f"'{node}': {said}") for name, node in nodes.items()]
            raise kind(str(self.program.plan.recipe.path), problems) from error

    def means(self) -> dict[str, float]:
        """The mean of each loss since this was last asked for; a non-finite one stays non-finite."""
        means = {name: float(total) / self.executions for name, total in self.sums.items()}
        self.sums, self.executions = {}, 0
        return means


def _global_generators(device: torch.device) -> list[torch.Generator]:
    """PyTorch's own generators, from which dropout draws on its device."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        number = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[number])
    return generators
