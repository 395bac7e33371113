"""The optimisers of a phase: one per trained module, with its parameter groups, schedules, clipping and averages."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from semreg.core import Problem, Schedule, UserError
from semreg.core.errors import cause_of
from semreg.recipe.plan import Node, OptimizerPlan

Course = Callable[[float], float]
"""The factor on a rate at an epoch, fractional, of a phase."""


class ModuleOptimizer:
    """The optimiser of one module in one phase.

    Args:
        name: the module's name, for messages.
        module: whose parameters it steps.
        plan: what the recipe says.
        epochs: the length of the phase, for the schedules.
        ema: the decay of the running average of the module's weights, or None.

    Raises UserError if a group's pattern fits no parameter, or the module has none at all; and where a step's size is
    beyond what float32 holds, which PyTorch refuses.
    """

    def __init__(
        self, name: str, module: nn.Module, plan: OptimizerPlan, epochs: int, ema: float | None, source: str
    ) -> None:
        self.name, self.source, self.plan = name, source, plan
        self.module, self.clip, self.ema = module, plan.clip, ema
        self.parameters = list(module.parameters())
        if not self.parameters:
            raise UserError(source, [Problem(f"modules.{name}", "has no parameters, so no loss can train it")])
        self.optimizer, self.schedules = _optimizer(name, module, plan, epochs, source)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = {key: value.detach().clone() for key, value in module.state_dict().items()} if ema else {}

    def try_out(self) -> list[Problem]:
        """What keeps the optimiser from stepping, with its options and its groups', tried on numbers made up."""
        problems = []
        for group in self.optimizer.param_groups:
            options = {key: value for key, value in group.items() if key in self.plan.node.options or key == "lr"}
            made_up = nn.Parameter(torch.zeros(2, device=self.parameters[0].device))
            made_up.grad = torch.zeros_like(made_up)
            try:
                self.plan.node.loaded.value([made_up], **options).step()
            except Exception as error:  # options that no type forbids can break it in any way
                cause = cause_of(error)
                if "closure" in cause:
                    cause = "it needs a closure that computes losses again, which the engine doesn't have"
                problems.append(Problem(self.plan.node.where, f"{self.plan.node.name} can't make a step: {cause}"))
        return list(dict.fromkeys(problems))

    def schedule(self, epoch: float) -> None:
        """Set the learning rates of this moment; `epoch` is fractional."""
        for group, rate, schedule in zip(self.optimizer.param_groups, self.rates, self.schedules, strict=True):
            if schedule is not None:
                group["lr"] = rate * schedule(epoch)

    def step(self) -> None:
        """Clip, step, forget the gradients and update the average."""
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        try:
            self.optimizer.step()
        except RuntimeError as error:
            if "overflow" not in str(error):
                raise
            found = f"a step is larger than float32 can hold ({error}); a smaller rate would fit"
            raise UserError(self.source, [Problem(f"the optimizer of {self.name}", found)]) from error
        for parameter in self.parameters:
            parameter.grad = None  # zero_grad takes several times as long
        if self.ema is not None:
            self._update_average(self.ema)

    @torch.no_grad()
    def _update_average(self, decay: float) -> None:
        for key, value in self.module.state_dict().items():
            average = self.average[key]
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)


def _optimizer(
    name: str, module: nn.Module, plan: OptimizerPlan, epochs: int, source: str
) -> tuple[torch.optim.Optimizer, list[Course | None]]:
    remaining = dict(module.named_parameters())
    groups: list[dict[str, Any]] = []
    schedules: list[Course | None] = []
    for pattern, options, schedule, _ in plan.groups:
        chosen = fnmatch.filter(remaining, pattern)
        if not chosen:
            known = ", ".join(list(remaining)[:12])
            raise UserError(
                source,
                [Problem(f"modules.{name}.optimizer.groups", f"no parameter is called {pattern!r}; there is: {known}")],
            )
        groups.append({"params": [remaining.pop(key) for key in chosen], **_as_tuples(options)})
        schedules.append(_bound(schedule, epochs))
    if remaining:
        groups.append({"params": list(remaining.values())})
        schedules.append(_bound(plan.schedule, epochs))
    try:
        return plan.node.loaded.value(groups, **_as_tuples(plan.node.options)), schedules
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(source, [Problem(f"the optimizer of {name}", str(error))]) from error


def _as_tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no tuples; PyTorch's optimisers take pairs of numbers as tuples, of floats throughout."""
    return {key: tuple(map(float, value)) if isinstance(value, list) else value for key, value in options.items()}


def _bound(node: Node | None, epochs: int) -> Course | None:
    if node is None:
        return None
    schedule: Schedule = node.loaded.value
    return lambda epoch: float(schedule(epoch, epochs, **node.options))
