"""The choice of the executor of a grid's runs, and its limits."""

from __future__ import annotations

import gc
from collections.abc import Iterable

import torch

from semreg.core import Executor, Problem, UserError, room_on
from semreg.core.registry import THIS_PROCESS, load, with_article
from semreg.recipe.plan import Plan
from semreg.running.choices import Choices
from semreg.running.offered import component_named, made_for
from semreg.running.start import Runner
from semreg.training.interrupts import Interrupts
from semreg.training.memory import forget_peak
from semreg.training.processes import started_by_torchrun

HERE = "here"
_GIB = 2**30


def executor_of(on: str, gpus: float | None, choices: Choices) -> Executor | None:
    """Return the executor that `--on` names, with `--gpus`; None for `here`, this process.

    Raises UserError for an unknown name, words that the executor doesn't support, and GPUs that don't exist here.
    """
    name, colon, words = on.partition(":")
    if name == HERE:
        if colon:
            raise UserError("--on", f"{on!r}: `here` trains one run after another; local:2 trains two at a time")
        if gpus is not None:
            raise UserError("--gpus", "--gpus shares a GPU among runs that train at the same time; add --on local")
        return None
    made: type[Executor] = load(component_named(name, "executor", "--on", [HERE]))
    if started_by_torchrun():
        raise UserError("--on", f"{on!r}: torchrun trains one run after another; leave out torchrun or this option")
    return made_for("--on", on, lambda: made(words, gpu=_share(gpus, choices)))


def _share(gpus: float | None, choices: Choices) -> float | None:
    """Return the share of a GPU for each trial: 0 on a CPU, None if the user gave none."""
    if gpus is not None and not 0 < gpus <= 1:
        raise UserError("--gpus", f"{gpus!r} is not a share of a GPU; expected a number above 0 and at most 1")
    if choices.torch_device().type != "cuda":
        if gpus is not None:
            raise UserError("--gpus", "these runs compute on the CPU; leave --gpus out")
        return 0.0
    if choices.device not in ("auto", "cuda"):
        said = f"{choices.device!r} is one GPU, and an executor shares out all that it sees"
        raise UserError("--device", f"{said}; write cuda, and CUDA_VISIBLE_DEVICES before the command")
    return gpus


def require_made_elsewhere(plans: Iterable[Plan], on: str) -> None:
    """Raise UserError for plans with components that only this process knows."""
    problems = {
        Problem(
            str(plan.recipe.path),
            f"{with_article(one.kind)} {one.name!r} is registered only in this process, and {on!r} trains in others; "
            "leave --on out, or put it into a plugin",
        )
        for plan in plans
        for one in plan.components()
        if one.distribution == THIS_PROCESS
    }
    if problems:
        raise UserError("--on", sorted(problems, key=str))


def require_room(plan: Plan, choices: Choices, share: float) -> None:
    """Raise UserError if the steps of a plan need more memory than the share of a GPU has; it tries them on a GPU."""
    device = choices.torch_device()
    total = torch.cuda.get_device_properties(device).total_memory
    room, needed = room_on(total, share), step_peak(plan, choices)
    if needed <= room:
        return
    fits = next((1 / count for count in range(int(1 / share), 0, -1) if needed <= room_on(total, 1 / count)), None)
    advice = f"--gpus {fits:.3g} holds it" if fits else "nor does a whole one; a smaller data.batch_size takes less"
    has = f"{share:g} of a GPU has {room / _GIB:.2f} GiB for it"
    raise UserError("--gpus", f"{plan.name}: a step takes {needed / _GIB:.2f} GiB at once, and {has}; {advice}")


def step_peak(plan: Plan, choices: Choices) -> int:
    """Return the most bytes of a GPU that a plan's steps, each tried on its first batch, and its optimisers take."""
    device = choices.torch_device()
    forget_peak(device)
    with Interrupts() as interrupts:
        prepared = Runner(plan, choices, interrupts).prepared()
        prepared.trainer.try_out()
    modules = prepared.trainer.setting.modules.values()
    states = sum(
        2 * one.nbytes for module in modules for one in module.parameters()
    )  # Adam's, which a trial leaves out
    peak = torch.cuda.max_memory_allocated(device) + states
    del prepared, modules
    gc.collect()
    torch.cuda.empty_cache()
    return peak
