"""One phase of training: batches in, all gradients, then all optimiser steps, in a loop with almost no overhead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import nn

from semreg.components.values import tensors_of
from semreg.core import Problem, Remarking, UserError
from semreg.core.shapes import in_a_trial
from semreg.recipe.component_errors import naming_losses
from semreg.recipe.plan import PhasePlan, StepPlan, Value, reads_in
from semreg.training.buffers import buffers_kept
from semreg.training.clock import Clock
from semreg.training.optimizers import TrainedModule, shared_optimizers
from semreg.training.program import Execution, Program, evaluating
from semreg.training.setting import BatchSource, Setting
from semreg.training.step import StepRunner
from semreg.training.waits import numbers_of


@dataclass
class Validation:
    """The state of a phase's validation: the best value so far, its time, and the weights then."""

    best: float = math.inf
    checks_since_best: int = 0
    weights: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)


class PhaseRunner:
    """One phase: its optimisers, steps, schedules and validation.

    Args:
        setting: the run.
        phase: the recipe's phase.
        batches: makes the batches of a step.
        validation: the validation split's batches in order, as tables of tensors, or None.
    """

    def __init__(
        self,
        setting: Setting,
        phase: PhasePlan,
        batches: Callable[[StepPlan], BatchSource],
        validation: Callable[[], Iterable[dict[str, Any]]] | None,
    ) -> None:
        self.setting, self.phase, self.validation_batches = setting, phase, validation
        source = setting.source
        for name, module in setting.modules.items():
            trained = name in phase.optimizers
            module.train(trained or self._averages(name))
            module.requires_grad_(trained)
        self.trained = {
            name: TrainedModule(name, setting.modules[name], plan, setting.plan.modules[name].ema, source)
            for name, plan in phase.optimizers.items()
        }
        self.optimizers = shared_optimizers(self.trained.values(), phase.epochs)
        self.clock = Clock(setting.device)
        self.steps = [
            StepRunner(setting, phase, step, self.optimizers, batches(step), self.clock) for step in phase.steps
        ]
        self.iterations_per_epoch = min(step.batches.per_epoch for step in self.steps)
        self.iterations = self.iterations_per_epoch * phase.epochs
        self.learning = [name for name, module in setting.modules.items() if module.training]
        """The trained modules, and those without parameters that average the inputs from a trained one."""
        self.buffers = [buffer for name in self.learning for buffer in setting.modules[name].buffers()]
        self.scheduled = [o for o in self.optimizers if any(schedule is not None for schedule in o.schedules)]
        modules = [setting.modules[name] for name in self.learning]
        self.remarking = [module for module in modules if isinstance(module, Remarking)]
        self.validation = Validation()

    def _averages(self, name: str) -> bool:
        """Return whether a module learns from its inputs, without a loss. Such a module has a state and no parameters,
        as a codebook of averages, and is called on a value that the phase trains."""
        module, plan = self.setting.modules[name], self.setting.plan
        if any(True for _ in module.parameters()) or not module.state_dict():
            return False
        needed = {other for call in plan.calls_of(name) for other in plan.modules_of(*call.inputs)}
        return not needed.isdisjoint(self.phase.optimizers)

    def iterate(self, iteration: int) -> None:
        """Run iteration number `iteration`, all steps."""
        epoch = iteration / self.iterations_per_epoch
        for optimizer in self.scheduled:
            optimizer.schedule(epoch)
        for step in self.steps:
            step.follow(epoch)
            repeat = step.step.repeat
            for count in range(iteration * repeat, (iteration + 1) * repeat):
                step.run(count)
        if self.buffers:
            self.setting.processes.take_from_first(self.buffers)  # batch norm's averages differ between processes

    def losses(self) -> dict[str, float]:
        """Return each loss's mean since the last call. Raises UserError naming the losses that are not finite."""
        means: dict[str, float] = {}
        for step, sums in zip(self.steps, self._sums(), strict=True):
            means |= step.means(sums)
        self._refuse_broken(means, [])
        return means

    def _sums(self) -> list[dict[str, float]]:
        """Return the sums of each step's losses since the last means, with one wait for the device."""
        numbers = iter(numbers_of([total for step in self.steps for total in step.totals]))
        return [dict(zip(step.losses, islice(numbers, len(step.totals)), strict=False)) for step in self.steps]

    def remarks(self) -> list[str]:
        """Return warnings of steps and modules in training since the last call."""
        told: list[Remarking | StepRunner] = [*self.remarking, *self.steps]
        return [remark for one in told for remark in one.remarks()]

    def check_finite(self) -> None:
        """Raise UserError naming the losses or modules that are no longer finite: they must not be stored."""
        sums = {name: total for table in self._sums() for name, total in table.items()}
        checked = [(name, parameter) for name, part in self.trained.items() for parameter in part.parameters]
        finite = numbers_of([parameter.isfinite().all() for _, parameter in checked])
        broken = list(dict.fromkeys(name for (name, _), whole in zip(checked, finite, strict=True) if not whole))
        self._refuse_broken(sums, broken)

    def _refuse_broken(self, losses: Mapping[str, float], modules: list[str]) -> None:
        where = f"in phase {self.phase.name!r}"
        problems = [
            Problem(f"losses.{name}", f"became {value} {where}")
            for name, value in losses.items()
            if not math.isfinite(value)
        ]
        problems += [Problem(f"modules.{name}", f"has weights that are not finite, {where}") for name in modules]
        if problems:
            advice = "stopped; the last checkpoint is from before that; a smaller rate, or `clip`, may help"
            raise UserError(self.setting.source, [*problems, Problem("", advice)])

    def try_out(self, trains: Callable[[torch.Tensor, list[nn.Parameter]], bool] | None = None) -> None:
        """Execute every step once on its first batch and restore all state.

        `trains` returns whether a loss's gradient reaches parameters; by default the gradient is computed.

        Raises UserError if a shape doesn't fit or a loss leaves a module that it should train without a gradient.
        """
        with buffers_kept(self.setting.modules.values()), in_a_trial():  # reports labels that fit no class
            problems = self._trial(trains or _trains)
        if problems:
            raise UserError(self.setting.source, problems)

    def _trial(self, trains: Callable[[torch.Tensor, list[nn.Parameter]], bool]) -> list[Problem]:
        """Return what is wrong with any step, or any optimiser."""
        problems = [problem for optimizer in self.optimizers for problem in optimizer.try_out()]
        for runner in self.steps:
            before = runner.global_draws.states()
            execution = runner.program.execution(runner.batches.batch(0))
            losses = {}
            for name, loss in runner.losses.items():
                losses[name], found = self._tried(runner, execution, name, loss)
                problems += found
            if before != runner.global_draws.states():
                runner.seed_global_draws()  # as dropout does
            if problems:  # through a graph that a loss has used up or changed there is no gradient to be asked for
                continue
            for module, row in runner.step.rows.items():
                for name in row:
                    with naming_losses({name: self.setting.plan.losses[name]}, self.setting.source):
                        arrives = trains(losses[name], self.trained[module].parameters)
                    if not arrives:
                        where = f"{self.phase.key_of(runner.step)}.train.{module}.{name}"
                        problems.append(
                            Problem(where, f"the gradient of {name!r} does not arrive at {module!r} on a real batch")
                        )
        return problems

    def _tried(
        self, runner: StepRunner, execution: Execution, name: str, loss: Callable[[Execution], torch.Tensor]
    ) -> tuple[torch.Tensor, list[Problem]]:
        """Compute a loss of one execution, and find effects that would break others."""
        plan, problems = runner.program.plan, []
        node, tensors = plan.losses[name], plan.tensors
        with runner.program.autocast():
            for read in _in_order(node, tensors, set(execution)):
                runner.program.value(read, execution)
                problems += self._own_gradients(f"tensors.{read}", tensors[read])
            before = _versions(execution)
            value = loss(execution)
        problems += self._own_gradients(f"losses.{name}", node)
        after = _versions(execution)
        changed = [key for key in before if after[key] != before[key]]
        if changed:
            message = f"changes {changed[0]!r} in place, which other losses read; it should change a copy"
            problems.append(Problem(f"losses.{name}", message))
        return value, problems

    def _own_gradients(self, where: str, value: Value) -> list[Problem]:
        """Return an error if computing a value has left gradients, and clear them."""
        parameters = [parameter for part in self.trained.values() for parameter in part.parameters]
        if all(parameter.grad is None for parameter in parameters):
            return []
        for parameter in parameters:
            parameter.grad = None
        return [Problem(where, f"'{value}' takes gradients itself by backward(); the engine takes them")]

    # --- validation ---

    def validate(self) -> tuple[dict[str, float], bool]:
        """Return the losses on the validation split, and whether their sum is the least so far (then the weights are
        kept)."""
        table, setting = self.phase.validate, self.setting
        if table is None:
            raise RuntimeError(f"phase {self.phase.name!r} does not validate")
        values = self._validated(table.losses) if setting.processes.first else dict.fromkeys(table.losses, 0.0)
        total = torch.tensor([sum(values.values())], dtype=torch.float64)
        if setting.processes.count > 1:
            total = total.to(setting.device)
            setting.processes.take_from_first([total])  # so that all end the phase at the same time
        return values, self._note(float(total), keep=table.keep == "best")

    def _validated(self, losses: Sequence[str]) -> dict[str, float]:
        """Return the means of losses over the validation split."""
        setting = self.setting
        if self.validation_batches is None:
            raise RuntimeError(f"phase {self.phase.name!r} has no batches to validate on")
        program = Program(
            setting.plan, setting.modules, key=(setting.seed, "validation"), training=False,
            device=setting.device, precision=setting.precision,
        )  # fmt: skip
        means: dict[str, list[torch.Tensor]] = {loss: [] for loss in losses}
        sizes = []
        with evaluating(setting.modules), program.autocast():
            for index, batch in enumerate(self.validation_batches()):
                sizes.append(len(next(iter(batch.values()))))
                execution = program.execution(batch, index)
                for loss, found in means.items():
                    found.append(program.losses[loss](execution))
        return {
            loss: sum(mean * size for mean, size in zip(numbers_of(found), sizes, strict=True)) / max(sum(sizes), 1)
            for loss, found in means.items()
        }

    def _note(self, value: float, *, keep: bool) -> bool:
        """Return whether a value is the least so far, and record it."""
        improved = value < self.validation.best
        if improved:
            self.validation.best, self.validation.checks_since_best = value, 0
            if keep:
                self.validation.weights = {
                    name: {key: t.detach().clone() for key, t in self.setting.modules[name].state_dict().items()}
                    for name in self.learning
                }
        else:
            self.validation.checks_since_best += 1
        return improved

    @property
    def out_of_patience(self) -> bool:
        """Whether validation has not improved for as long as the recipe allows."""
        patience = self.phase.validate.patience if self.phase.validate else None
        return patience is not None and self.validation.checks_since_best >= patience

    def finish(self) -> None:
        """Load the best weights if the recipe wants them, and release captured and compiled steps."""
        for step in self.steps:
            step.captured = step.compiled = None  # they know their step, and it them
        for name, weights in self.validation.weights.items():
            self.setting.modules[name].load_state_dict(weights)

    # --- state ---

    def state(self) -> dict[str, Any]:
        """Return the content of a checkpoint for the phase, besides the modules."""
        return {
            "optimizers": {name: state for one in self.optimizers for name, state in one.states().items()},
            "averages": {name: part.average for name, part in self.trained.items()},
            "validation": {
                "best": self.validation.best if math.isfinite(self.validation.best) else None,
                "checks_since_best": self.validation.checks_since_best,
                "weights": self.validation.weights,
            },
            "sums": {runner.step.name: runner.kept_sums() for runner in self.steps},
            "batches_summed": {runner.step.name: runner.batches_summed for runner in self.steps},
            "scalers": {runner.step.name: runner.scaler.state_dict() for runner in self.steps if runner.scaler},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load the result of `state`."""
        for optimizer in self.optimizers:
            optimizer.load_states(state["optimizers"])
        for name, part in self.trained.items():
            for key, value in state["averages"][name].items():
                part.average[key].copy_(value)
        kept = state["validation"]
        best = math.inf if kept["best"] is None else kept["best"]
        weights = {
            name: {key: value.to(self.setting.device) for key, value in table.items()}
            for name, table in kept["weights"].items()
        }
        self.validation = Validation(best, kept["checks_since_best"], weights)
        for runner in self.steps:
            runner.load_sums(state["sums"][runner.step.name])
            runner.batches_summed = (state.get("batches_summed") or state["executions"])[runner.step.name]
            if runner.scaler is not None:
                runner.scaler.load_state_dict(state["scalers"][runner.step.name])


def _in_order(value: Value, tensors: Mapping[str, Value], known: set[str]) -> Iterator[str]:
    """Yield the tensors that a value needs and that aren't `known`, each after those that it reads itself."""
    for name in reads_in(value):
        if name in tensors and name not in known:
            known.add(name)
            yield from _in_order(tensors[name], tensors, known)
            yield name


def _versions(execution: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return how often the tensors of an execution were changed in place."""
    return {name: [tensor._version for tensor in tensors_of(value)] for name, value in execution.items()}


def _trains(loss: torch.Tensor, parameters: list[nn.Parameter]) -> bool:
    if not loss.requires_grad:
        return False
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return any(gradient is not None for gradient in gradients)
