"""The optimisers of a phase: one for all modules that are stepped alike, with their groups, schedules and averages."""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from semreg.core import Problem, UserError
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory
from semreg.recipe.component_errors import component_error, failure_text, naming_component, shown
from semreg.recipe.plan import Node, OptimizerPlan
from semreg.recipe.schedules import factor_at
from semreg.training.memory_format import match_parameters

Factor = Callable[[float], float]
"""The factor of a schedule at an epoch, fractional, of a phase."""
CAPTURED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
"""Optimisers whose fused steps read the rate from the GPU, so that a captured step can follow a schedule."""


class Group(NamedTuple):
    """Parameters of a module that are stepped with separate options."""

    parameters: list[nn.Parameter]
    options: dict[str, Any]
    schedule: Node | None


class TrainedModule:
    """The training of one module in a phase: its groups of parameters, clipping, and the running average of its
    weights.

    Args:
        name: the module's name, for messages.
        module: whose parameters are stepped.
        plan: the recipe's optimiser.
        ema: the decay of the running average of the module's weights, or None.
        source: the recipe's file, for messages.

    Raises UserError if a group's pattern fits no parameter, or the module has none at all.
    """

    def __init__(self, name: str, module: nn.Module, plan: OptimizerPlan, ema: float | None, source: str) -> None:
        self.name, self.source, self.plan = name, source, plan
        self.module, self.ema = module, ema
        self.parameters = list(module.parameters())
        if not self.parameters:
            raise UserError(source, [Problem(f"modules.{name}", "has no parameters, so no loss can train it")])
        self.groups = self._groups()
        self.average = {key: value.detach().clone() for key, value in module.state_dict().items()} if ema else {}
        self._values: dict[str, Tensor] | None = None

    def _groups(self) -> list[Group]:
        """Return a group for each pattern of the plan, and one of the remaining parameters, which may be empty."""
        remaining = dict(self.module.named_parameters())
        groups = []
        for pattern, options, schedule, _ in self.plan.groups:
            chosen = fnmatch.filter(remaining, pattern)
            if not chosen:
                known = ", ".join(list(remaining)[:12])
                found = f"no parameter is called {pattern!r}; expected one of: {known}"
                raise UserError(self.source, [Problem(f"modules.{self.name}.optimizer.groups", found)])
            groups.append(Group([remaining.pop(key) for key in chosen], _as_tuples(options), schedule))
        return [*groups, Group(list(remaining.values()), {}, self.plan.schedule)]

    def clip(self) -> None:
        """Limit the gradient's elements, and then its norm, as in the recipe."""
        clip = self.plan.clip
        if clip is not None and clip.value is not None:
            torch.nn.utils.clip_grad_value_(self.parameters, clip.value)
        if clip is not None and clip.norm is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, clip.norm)

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the running average of the weights towards their current values, if the recipe has one."""
        if self.ema is None:
            return
        if self._values is None or any(True for _ in self.module.buffers()):  # which a module may replace
            self._values = self.module.state_dict()
        moving = [key for key, value in self.average.items() if value.is_floating_point()]
        averages: list[Tensor] = [self.average[key] for key in moving]
        torch._foreach_lerp_(averages, [self._values[key] for key in moving], 1 - self.ema)
        for key in self.average.keys() - set(moving):
            self.average[key].copy_(self._values[key])


class Optimizer:
    """One of PyTorch's optimisers over modules of a phase, each parameter stepped as by a separate optimiser.

    It is fused if PyTorch supports that and the recipe doesn't have `fused = false`. For a captured step on a GPU, the
    rates are tensors there.

    Args:
        parts: the modules, whose plans are equal.
        epochs: the length of the phase, for the schedules.

    Raises UserError for an option that PyTorch rejects.
    """

    def __init__(self, parts: Sequence[TrainedModule], epochs: int) -> None:
        self.parts, self.plan, self.source = list(parts), parts[0].plan, parts[0].source
        self.parameters = [parameter for part in parts for parameter in part.parameters]
        groups, self.schedules = [], []
        for alike in zip(*(part.groups for part in parts), strict=True):
            parameters = [parameter for group in alike for parameter in group.parameters]
            if parameters:
                groups.append({"params": parameters, **alike[0].options})
                self.schedules.append(_bound(alike[0].schedule, epochs, self.source))
        self.optimizer = self._made(groups)
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.now = list(self.rates)
        """The current rates, by group."""
        for group in self.optimizer.param_groups if self.can_be_captured else ():
            group["lr"] = torch.tensor(float(group["lr"]), device=self.parameters[0].device)

    @property
    def name(self) -> str:
        """The names of its modules, for messages."""
        return "the optimizer of " + " and ".join(part.name for part in self.parts)

    @property
    def can_be_captured(self) -> bool:
        """Whether a captured step on a GPU can hold its steps."""
        on_gpu = self.parameters[0].device.type == "cuda"
        return on_gpu and type(self.optimizer) in CAPTURED and bool(self.optimizer.defaults.get("fused"))

    def _made(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        options = _as_tuples(self.plan.node.options)
        if _fused_by_default(self.plan, self.parts):
            options["fused"] = True
        with naming_component(self.plan.node, self.source, self.name):
            made = self.plan.node.loaded.value(groups, **options)
            if not isinstance(made, torch.optim.Optimizer):
                raise TypeError(f"it made a {type(made).__name__}, not a torch.optim.Optimizer")
            if any(group.get("lr") is None for group in made.param_groups):
                raise ValueError("it has no rate by default; give it one, as lr = 1e-3")
            return made

    def try_out(self) -> list[Problem]:
        """Return what keeps the optimiser from stepping, with its options and its groups', tried on made-up values."""
        problems = []
        taken = {*self.plan.node.options, *({"lr", "fused"} & self.plan.node.loaded.signature.parameters.keys())}
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
                    cause = "it needs a closure; name a class whose `step` takes one, so that the engine sees it"
                said = f"{shown(self.plan.node.loaded)} can't make a step: {cause}"
                problems.append(Problem(self.plan.node.where, said))
        return list(dict.fromkeys(problems))

    def schedule(self, epoch: float) -> None:
        """Set the current learning rates; `epoch` is fractional."""
        for number, (group, schedule) in enumerate(zip(self.optimizer.param_groups, self.schedules, strict=True)):
            if schedule is None:
                continue
            self.now[number] = self.rates[number] * schedule(epoch)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(self.now[number])
            else:
                group["lr"] = self.now[number]

    def step(
        self,
        parts: Sequence[TrainedModule],
        closure: Callable[[], Tensor] | None = None,
        scaler: GradScaler | None = None,
    ) -> None:
        """Clip, step, clear the gradients and update the averages of the modules `parts` with gradients.

        `closure` computes loss and clipped gradients again, for an optimiser that needs one. `scaler` scaled the
        gradients, and skips the step if they are not finite.
        """
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        try:
            if closure is not None:
                self.optimizer.step(closure)  # type: ignore[arg-type]  # which is called as it is
            else:
                for part in parts:
                    part.clip()
                if scaler is not None:
                    scaler.step(self.optimizer)
                else:
                    self.optimizer.step()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if out_of_memory(error) or (isinstance(error, UserError) and error.source == self.source):
                raise
            cause = cause_of(error)
            if not (isinstance(error, RuntimeError) and "overflow" in cause):
                raise component_error(self.plan.node, self.source, error, self.name) from error
            found = f"a step is larger than float32 can hold ({cause}); a smaller rate would fit"
            raise UserError(self.source, [Problem(self.name, found)]) from error
        self.forget()
        for part in parts:
            part.update_average()

    def forget(self) -> None:
        """Clear the gradients."""
        for parameter in self.parameters:
            parameter.grad = None  # zero_grad takes several times as long

    # --- state, of each module as an optimiser of its own would have it ---

    def states(self) -> dict[str, Any]:
        """Return the content of a checkpoint, by module."""
        if not _steps_each_alone(self.plan):
            return {self.parts[0].name: self.optimizer.state_dict()}
        kept = {id(parameter): state for parameter, state in self.optimizer.state.items()}
        states = {}
        for part in self.parts:
            mine = set(map(id, part.parameters))
            table: dict[str, Any] = {"state": {}, "param_groups": []}
            index = 0
            for group, rate in zip(self.optimizer.param_groups, self.now, strict=True):
                numbers = []
                for parameter in group["params"]:
                    if id(parameter) in mine:
                        if id(parameter) in kept:
                            table["state"][index] = kept[id(parameter)]
                        numbers.append(index)
                        index += 1
                if numbers:
                    options = {key: value for key, value in group.items() if key != "params"}
                    options["lr"] = rate  # which may lie on a GPU there
                    table["param_groups"].append(options | {"params": numbers})
            states[part.name] = table
        return states

    def load_states(self, states: Mapping[str, Any]) -> None:
        """Load the result of `states`, perhaps from an optimiser that was shared with more or other modules."""
        if not _steps_each_alone(self.plan):
            self.optimizer.load_state_dict(states[self.parts[0].name])
            match_parameters(self.optimizer)
            return
        kept: dict[int, Any] = {}
        for part in self.parts:
            table, own = states[part.name], [p for group in part.groups for p in group.parameters]
            if sum(len(group["params"]) for group in table["param_groups"]) != len(own):
                raise ValueError(f"the optimizer of {part.name} has {len(own)} parameters")
            kept |= {id(own[index]): state for index, state in table["state"].items()}
        rates = [group["lr"] for group in self.optimizer.param_groups]
        table = self.optimizer.state_dict()
        ordered = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        table["state"] = {index: kept[id(p)] for index, p in enumerate(ordered) if id(p) in kept}
        self.optimizer.load_state_dict(table)
        match_parameters(self.optimizer)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def shared_optimizers(parts: Iterable[TrainedModule], epochs: int) -> list[Optimizer]:
    """Return the fewest optimisers for the modules of a phase: those with equal plans share one.

    PyTorch's own optimisers step each parameter by itself, so that sharing changes nothing. Any other may combine all
    its parameters, and gets one module.
    """
    groups: list[tuple[Any, list[TrainedModule]]] = []
    for part in parts:
        what = _what_it_does(part.plan) if _steps_each_alone(part.plan) else part
        for known, alike in groups:
            if known == what:
                alike.append(part)
                break
        else:
            groups.append((what, [part]))
    return [Optimizer(alike, epochs) for _, alike in groups]


def _steps_each_alone(plan: OptimizerPlan) -> bool:
    """Return whether each parameter's step depends only on that parameter."""
    optimizer = plan.node.loaded.value
    return getattr(optimizer, "__module__", "").startswith("torch.optim.") and not plan.needs_closure


def _what_it_does(plan: OptimizerPlan) -> Any:
    """Return what decides the steps of a plan, comparable."""

    def of(node: Node | None) -> Any:
        return node and (node.loaded.value, node.options)

    groups = [(group.pattern, group.options, of(group.schedule)) for group in plan.groups]
    return of(plan.node), of(plan.schedule), groups


def _fused_by_default(plan: OptimizerPlan, parts: Sequence[TrainedModule]) -> bool:
    """Return whether PyTorch has a fused step for it, over all parameters at once, and nothing rules it out."""
    value, options = plan.node.loaded.value, plan.node.options
    if not _steps_each_alone(plan) or "fused" not in inspect.signature(value).parameters:
        return False
    if {"fused", "foreach", "differentiable", "capturable"} & options.keys():
        return False
    if any(getattr(module, "sparse", False) for part in parts for module in part.module.modules()):
        return False  # it takes no sparse gradients
    parameters = [parameter for part in parts for parameter in part.parameters]
    devices = ("cpu", "cuda") if value in CAPTURED else ("cpu",)  # older versions fuse no others on a GPU
    return all(p.is_floating_point() and p.device.type in devices for p in parameters)


def _as_tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """Convert pairs of numbers to tuples of floats, as PyTorch's optimisers take them: TOML has no tuples."""
    return {key: tuple(map(float, value)) if isinstance(value, list) else value for key, value in options.items()}


def _bound(node: Node | None, epochs: int, source: str) -> Factor | None:
    return None if node is None else lambda epoch: factor_at(node, epoch, epochs, source)
