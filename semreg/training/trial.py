"""A trial of every step of every phase before any training: an error in phase four must not appear after three."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from semreg.components.pretrained import without_weights
from semreg.core import ClassField, UserError
from semreg.core.memory import out_of_memory
from semreg.recipe.plan import PhasePlan, Plan, StepPlan
from semreg.training.build import build_modules, synthetic_batch, untrained, without_effect
from semreg.training.dry_run import Meter, fake_tensors, needs_numbers
from semreg.training.in_training import InTraining, require_pictures
from semreg.training.phase import PhaseRunner
from semreg.training.program import Execution, Program, evaluating
from semreg.training.setting import Setting

MOST_OPERATIONS = 10_000
"""This many calls of fake tensors take two or three seconds; `recipes/olr_celeba.toml` takes a third of them."""
MOST_WORK = 1e9
"""This many products take about a second."""
TOO_LARGE = "too large to be tried on made-up images; `semreg run` tries it on real ones before it trains"

Trains = Callable[[torch.Tensor, list[nn.Parameter]], bool]


def try_out(
    setting: Setting, first_batch: Callable[[PhasePlan, StepPlan], dict[str, Any]], trains: Trains | None = None
) -> None:
    """Execute every step once on the batch from `first_batch`, with gradients, and restore all state.

    `trains` returns whether a loss's gradient reaches parameters; by default the gradient is computed. Raises UserError
    if a shape doesn't fit, or a loss gives no gradient to a module that it should train.
    """
    for phase in setting.plan.phases:
        PhaseRunner(setting, phase, partial(OneBatch, setting, phase, first_batch), None).try_out(trains)


def check_by_dry_run(plan: Plan) -> list[str]:
    """Build a plan's modules, try its steps on a made-up batch, and return warnings. Raises UserError as `try_out`
    does.

    It first tries fake tensors, which take almost no time whatever the size of the networks. If that fails, or if
    classes are read, whose values are checked, it computes within limits: the error then comes from a real computation,
    and a component may need to read values.
    """
    refused: UserError | None = None
    meter = Meter(operations=MOST_OPERATIONS)
    try:
        with fake_tensors(), meter:
            warnings = _on_nothing(plan)
        classes = any(isinstance(plan.fields[name], ClassField) for name in plan.labels_read())
        if not (classes and 0 < meter.worked <= MOST_WORK):
            return warnings
    except UserError as error:
        refused = None if needs_numbers(error) else error
    except Exception as error:
        if not (meter.exceeded or needs_numbers(error)):
            raise
    if not meter.exceeded:
        meter = Meter(work=MOST_WORK)
        try:
            with meter:
                return _on_nothing(plan)
        except Exception as error:
            if not (meter.exceeded or out_of_memory(error)):
                raise
        if refused is not None:
            raise refused
    return [TOO_LARGE]


def _on_nothing(plan: Plan) -> list[str]:
    with without_weights():
        modules = build_modules(plan, seed=0)
    setting = Setting(plan, modules, seed=0, device=torch.device("cpu"), precision="fp32")
    batch = synthetic_batch(plan.fields, plan.value_range)
    try_out(setting, lambda phase, step: batch, leads_to)
    require_pictures(InTraining(plan, modules, lambda fields, count: batch, 0, setting.device))
    return [*untrained(plan, modules), *without_effect(plan, modules)]


def leads_to(loss: torch.Tensor, parameters: list[nn.Parameter]) -> bool:
    """Return whether the operations behind a loss lead to any of the parameters; no gradient is computed."""
    wanted = set(map(id, parameters))
    pending, seen = [loss.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if id(getattr(node, "variable", None)) in wanted:
            return True
        pending += [following for following, _ in node.next_functions]
    return False


def evaluation_program(setting: Setting) -> Program:
    """Return the tensors in their evaluation form, for precomputing and validation."""
    return Program(
        setting.plan, setting.modules, key=(setting.seed, "precompute"), training=False, device=setting.device,
        precision=setting.precision,
    )  # fmt: skip


def precompute(
    setting: Setting, program: Program, names: tuple[str, ...], execution: Execution
) -> dict[str, torch.Tensor]:
    """Return the values of tensors on one batch. Raises UserError if one isn't a single tensor."""
    values = {}
    with evaluating(setting.modules), program.autocast():
        for name in names:
            value = program.value(name, execution)
            if not isinstance(value, torch.Tensor):
                kind = type(value).__name__
                raise UserError(
                    setting.source,
                    f"tensor {name!r} is a {kind}; only single tensors can be precomputed",
                )
            values[name] = value.float() if value.is_floating_point() else value
    return values


class OneBatch:
    """A step's batches, all the same one, with its phase's precomputed values for only that batch."""

    per_epoch = 1

    def __init__(
        self,
        setting: Setting,
        phase: PhasePlan,
        first_batch: Callable[[PhasePlan, StepPlan], dict[str, Any]],
        step: StepPlan,
    ) -> None:
        self.setting, self.phase = setting, phase
        self.first = dict(first_batch(phase, step))

    def batch(self, count: int) -> dict[str, Any]:
        """Return the one batch."""
        if not self.phase.precompute:
            return self.first
        program = evaluation_program(self.setting)
        return self.first | precompute(self.setting, program, self.phase.precompute, program.execution(self.first))
