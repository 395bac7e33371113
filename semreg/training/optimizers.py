"""The optimisers of a phase: one per trained module, with its parameter groups, schedules, clipping and averages."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from semreg.core import Problem, UserError
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory
from semreg.recipe.component_errors import component_error, failure_text, naming_component, shown
from semreg.recipe.plan import Node, OptimizerPlan
from semreg.recipe.schedules import factor_at

Factor = Callable[[float], float]
"""The factor of a schedule at an epoch, fractional, of a phase."""


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
        self.module, self.ema = module, ema
        self.parameters = list(module.parameters())
        if not self.parameters:
            raise UserError(source, [Problem(f"modules.{name}", "has no parameters, so no loss can train it")])
        self.optimizer, self.schedules = _optimizer(name, module, plan, epochs, source)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = {key: value.detach().clone() for key, value in module.state_dict().items()} if ema else {}

    def try_out(self) -> list[Problem]:
        """What keeps the optimiser from stepping, with its options and its groups', tried on numbers made up."""
        problems = []
        taken = {*self.plan.node.options, *({"lr"} & self.plan.node.loaded.signature.parameters.keys())}
        for group in self.optimizer.param_groups:
            options = {key: value for key, value in group.items() if key in taken}
            made_up = nn.Parameter(torch.zeros_like(group["params"][0]))
            made_up.grad = torch.zeros_like(made_up)
            closure = []
            if self.plan.needs_closure:  # at a gradient of zeros it would do nothing
                made_up.grad = torch.ones_like(made_up)
                closure = [made_up.detach().sum]
            try:
                self.plan.node.loaded.value([made_up], **options).step(*closure)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # options that no type forbids can break it in any way
                cause = failure_text(error)
                if "closure" in cause:
                    cause = "it needs a closure; name a class whose `step` takes one, by which the engine can tell"
                said = f"{shown(self.plan.node.loaded)} can't make a step: {cause}"
                problems.append(Problem(self.plan.node.where, said))
        return list(dict.fromkeys(problems))

    def schedule(self, epoch: float) -> None:
        """Set the learning rates of this moment; `epoch` is fractional."""
        for group, rate, schedule in zip(self.optimizer.param_groups, self.rates, self.schedules, strict=True):
            if schedule is not None:
                group["lr"] = rate * schedule(epoch)

    def clip(self) -> None:
        """Limit the gradient's elements, and then its norm, as the recipe says."""
        clip = self.plan.clip
        if clip is not None and clip.value is not None:
            torch.nn.utils.clip_grad_value_(self.parameters, clip.value)
        if clip is not None and clip.norm is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, clip.norm)

    def step(self, closure: Callable[[], Tensor] | None = None, scaler: GradScaler | None = None) -> None:
        """Clip, step, forget the gradients and update the average.

        `closure` computes loss and clipped gradients again, for an optimiser that needs one. `scaler` scaled the
        gradients, and leaves the step out where they are not finite.
        """
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        try:
            if closure is not None:
                self.optimizer.step(closure)  # type: ignore[arg-type]  # which is called as it is
            else:
                self.clip()
                if scaler is not None:
                    scaler.step(self.optimizer)
                else:
                    self.optimizer.step()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if out_of_memory(error) or (isinstance(error, UserError) and error.source == self.source):
                raise
            where, cause = f"the optimizer of {self.name}", cause_of(error)
            if not (isinstance(error, RuntimeError) and "overflow" in cause):
                raise component_error(self.plan.node, self.source, error, where) from error
            found = f"a step is larger than float32 can hold ({cause}); a smaller rate would fit"
            raise UserError(self.source, [Problem(where, found)]) from error
        self.forget()
        if self.ema is not None:
            self._update_average(self.ema)

    def forget(self) -> None:
        """Let the gradients go."""
        for parameter in self.parameters:
            parameter.grad = None  # zero_grad takes several times as long

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
) -> tuple[torch.optim.Optimizer, list[Factor | None]]:
    remaining = dict(module.named_parameters())
    groups: list[dict[str, Any]] = []
    schedules: list[Factor | None] = []
    for pattern, options, schedule, _ in plan.groups:
        chosen = fnmatch.filter(remaining, pattern)
        if not chosen:
            known = ", ".join(list(remaining)[:12])
            raise UserError(
                source,
                [Problem(f"modules.{name}.optimizer.groups", f"no parameter is called {pattern!r}; there is: {known}")],
            )
        groups.append({"params": [remaining.pop(key) for key in chosen], **_as_tuples(options)})
        schedules.append(_bound(schedule, epochs, source))
    if remaining:
        groups.append({"params": list(remaining.values())})
        schedules.append(_bound(plan.schedule, epochs, source))
    with naming_component(plan.node, source, f"the optimizer of {name}"):
        made = plan.node.loaded.value(groups, **_as_tuples(plan.node.options))
        if not isinstance(made, torch.optim.Optimizer):
            raise TypeError(f"it made a {type(made).__name__}, not a torch.optim.Optimizer")
        return made, schedules


def _as_tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no tuples; PyTorch's optimisers take pairs of numbers as tuples, of floats throughout."""
    return {key: tuple(map(float, value)) if isinstance(value, list) else value for key, value in options.items()}


def _bound(node: Node | None, epochs: int, source: str) -> Factor | None:
    return None if node is None else lambda epoch: factor_at(node, epoch, epochs, source)
