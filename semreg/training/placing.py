"""The choice to keep a run's training data on its device."""

from __future__ import annotations

from collections.abc import Collection

from semreg.data.dataset import Cached
from semreg.data.device_data import DeviceData, free_memory
from semreg.recipe.plan import Plan, StepPlan
from semreg.store.messages import say
from semreg.training.setting import Setting


def fields_read(plan: Plan, step: StepPlan, known: Collection[str]) -> set[str]:
    """Return the fields of the data that a step's losses need, given the tensors `known` by name."""
    return plan.fields_of([plan.losses[loss] for loss in step.losses], frozenset(known))


def on_device(setting: Setting, data: Cached) -> DeviceData | None:
    """Move the data of all steps to the GPU if they fit there, and print this; None without a GPU."""
    free = free_memory(setting.device)
    if free is None:
        return None
    fields: dict[str, set[str]] = {}
    for phase in setting.plan.phases:
        for step in phase.steps:
            fields.setdefault(phase.split, set()).update(fields_read(setting.plan, step, phase.precompute))
    found = DeviceData(data, fields, setting.device, free)
    if setting.processes.first:
        say(found.told)
    return found
