"""Whether a recipe trains on a device as it should: as on the CPU, the same bits again, and without a wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.families import FAMILIES, NO_DATA
from benchmarks.measure import ROOT
from benchmarks.work import CPU, Work
from semreg.components.values import tensors_of
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import PhasePlan
from semreg.running.choices import Choices
from semreg.running.start import plan_for
from semreg.store.checkpoint import read_latest
from semreg.store.layout import CHECKPOINTS
from semreg.trained.opening import open_data
from semreg.training.phase import PhaseRunner
from semreg.training.waits import counted_waits

MOST = 1e-4
"""How far a gradient may be from the CPU's, relative to its norm, in float32 without TF32."""
ITERATIONS, STOPPED_AFTER, WARMED_UP = 12, 5, 8
Bits = dict[str, Tensor]


def shrunk(family: str) -> Work:
    """A family of recipes, shrunk, on data that come with the packages."""
    recipe = load_recipe(ROOT / "recipes" / f"{family}.toml", FAMILIES[family])
    plan, _ = plan_for(recipe, Choices(data_root=Path(NO_DATA)))
    plan = plan.trained_part()
    return Work(plan, open_data(plan))


# --- gradients, against the CPU ---


@contextmanager
def draws_from_the_cpu() -> Iterator[None]:
    """Random calls made within draw from generators on the CPU, whatever their device, and so the same numbers."""
    made = torch.Generator

    class OnTheCPU:
        def __new__(cls, device: object = None) -> torch.Generator:  # type: ignore[misc]
            return made("cpu")

    torch.Generator = OnTheCPU  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        torch.Generator = made  # type: ignore[misc]


@contextmanager
def without_tf32() -> Iterator[None]:
    """Float32 with all of its bits in matrix products and convolutions."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def first_gradients(work: Work, phase: PhasePlan, device: torch.device, folder: Path, **setting: Any) -> Bits:
    """The losses of each step of a phase on its first batch, and the gradient of each module, in float64 on the CPU."""
    with draws_from_the_cpu(), without_tf32():
        runner = work.trainer(folder, device, **setting).begin_phase(phase, None)
        found: Bits = {}
        for step in runner.steps:
            step.execute(0)
            for name in step.step.rows:
                parameters = list(runner.setting.modules[name].parameters())
                gradients = [parameter.grad.flatten() for parameter in parameters if parameter.grad is not None]
                found[f"{step.step.name}: gradient of {name}"] = torch.cat(gradients)
                for parameter in parameters:
                    parameter.grad = None
        found |= {f"loss {name}": torch.tensor(value) for name, value in runner.losses().items()}
        return {name: value.double().cpu() for name, value in found.items()}


def farthest(found: Bits, expected: Bits) -> tuple[str, float]:
    """What differs most from what was expected, and by how much of its norm."""
    if found.keys() != expected.keys():
        raise ValueError(f"other values: {sorted(found.keys() ^ expected.keys())}")
    distances = {
        name: float((found[name] - value).norm() / value.norm().clamp(min=1e-12)) for name, value in expected.items()
    }
    worst = max(distances, key=lambda name: (distances[name] != distances[name], distances[name]))
    return worst, distances[worst]


# --- bits ---


@contextmanager
def deterministic() -> Iterator[None]:
    """Algorithms that give the same bits each time; an operation that has none raises RuntimeError with its name."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def trained(
    work: Work, number: int, device: torch.device, folder: Path, *, stopped_after: int = 0, **setting: Any
) -> PhaseRunner:
    """Phase `number` after some iterations; with `stopped_after`, a checkpoint is written there, and read to go on."""
    phase = work.plan.phases[number]
    trainer = work.trainer(folder, device, **setting)
    runner = trainer.begin_phase(phase, None)
    if stopped_after:
        iterate(runner, 0, stopped_after)
        trainer.checkpoint(number, stopped_after, runner)
        state, _ = read_latest(trainer.folder.folder / CHECKPOINTS)
        if state is None:
            raise ValueError("the checkpoint that was just written can't be read")
        trainer = work.trainer(folder, device, **setting)
        for module in trainer.setting.modules.values():
            for tensor in module.state_dict().values():
                tensor.zero_()  # whatever it has is from the checkpoint
        for name, weights in state["modules"].items():
            trainer.setting.modules[name].load_state_dict(weights)
        runner = trainer.begin_phase(phase, state["phase_state"])
    iterate(runner, stopped_after, ITERATIONS)
    return runner


def iterate(runner: PhaseRunner, start: int, end: int) -> None:
    """Iterations `start` to `end`."""
    for iteration in range(start, end):
        runner.iterate(iteration)


def bits(runner: PhaseRunner) -> Bits:
    """The weights, and all that a checkpoint holds of a phase, by where they stand."""
    modules = {name: module.state_dict() for name, module in runner.setting.modules.items()}
    return {name: tensor.detach().cpu().clone() for name, tensor in _leaves({"modules": modules, **runner.state()})}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}/{key}" if path else str(key))
    elif isinstance(value, Tensor):
        yield path, value
    else:
        for number, tensor in enumerate(tensors_of(value) if isinstance(value, tuple | list) else ()):
            yield f"{path}/{number}", tensor


def differing(found: Bits, expected: Bits) -> list[str]:
    """What is not the same, bit for bit."""
    return sorted(
        name
        for name in found.keys() | expected.keys()
        if name not in found or name not in expected or not torch.equal(_bytes(found[name]), _bytes(expected[name]))
    )


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


# --- all of a phase ---


def short(path: str) -> str:
    """A file's path from the folder of packages on, or from the checkout."""
    return path.rpartition("site-packages/")[2].removeprefix(f"{ROOT}/")


@dataclass(frozen=True)
class Found:
    """What a check found, in words, and whether it is as it should be."""

    text: str
    met: bool


class PhaseChecks:
    """The checks of phase `number` of a work on a device; they write into `folder`."""

    def __init__(self, work: Work, number: int, device: torch.device, folder: Path) -> None:
        self.work, self.number, self.device, self.folder = work, number, device, folder
        self.phase = work.plan.phases[number]

    @cached_property
    def on_the_cpu(self) -> Bits:
        return first_gradients(self.work, self.phase, CPU, self.folder / "cpu")

    @cached_property
    def once(self) -> Bits:
        with deterministic():
            return bits(trained(self.work, self.number, self.device, self.folder / "once"))

    def gradients(self) -> Found:
        """Losses and gradients against the CPU's, in float32 without TF32, with the same draws."""
        found = first_gradients(self.work, self.phase, self.device, self.folder / "device")
        worst, distance = farthest(found, self.on_the_cpu)
        return Found(f"{distance:.1e}, {worst}", distance < MOST)

    def gradients_in_bf16(self) -> Found:
        """The same in bf16; only that they are finite is asked for."""
        found = first_gradients(self.work, self.phase, self.device, self.folder / "bf16", precision="bf16")
        worst, distance = farthest(found, self.on_the_cpu)
        return Found(f"{distance:.1e}, {worst}", all(bool(value.isfinite().all()) for value in found.values()))

    def twice(self) -> Found:
        """The same bits twice."""
        return self._against_once("twice")

    def resumed(self) -> Found:
        """The same bits after a stop, from a checkpoint."""
        return self._against_once("resumed", stopped_after=STOPPED_AFTER)

    def captured(self) -> Found:
        """The same bits from captured steps as from eager ones; a step that isn't captured doesn't pass."""
        return self._against_once("captured", capture=True)

    def captured_and_resumed(self) -> Found:
        """The same after a stop."""
        return self._against_once("captured_and_resumed", capture=True, stopped_after=STOPPED_AFTER)

    def waits(self) -> Found:
        """Waits in an eager iteration."""
        return self._waits(capture=False)

    def waits_captured(self) -> Found:
        """Waits in a captured iteration."""
        return self._waits(capture=True)

    def _against_once(self, name: str, **how: Any) -> Found:
        expected = self.once
        with deterministic():
            runner = trained(self.work, self.number, self.device, self.folder / name, **how)
        found = bits(runner)
        other = differing(found, expected)
        told = [f"{len(other)} of {len(expected)} differ: {', '.join(other[:3])}"] if other else []
        told += [remark for step in runner.steps for remark in step.remarks()]  # why a step isn't captured
        return Found("; ".join(told) or "equal", not told)

    def _waits(self, *, capture: bool) -> Found:
        folder = self.folder / f"waits_{capture}"
        runner = self.work.trainer(folder, self.device, capture=capture).begin_phase(self.phase, None)
        iterate(runner, 0, WARMED_UP)
        each = []
        for iteration in range(WARMED_UP, WARMED_UP + 3):
            with counted_waits(self.device) as found:
                runner.iterate(iteration)
            each.append(found)
        told = min(each, key=Counter.total)  # where an epoch begins its order is drawn
        where = ", ".join(f"{count} × {wait.operation} at {short(wait.place)}" for wait, count in told.most_common(4))
        return Found(f"{told.total()}{': ' if where else ''}{where}", not told)


CHECKS = {
    "as on the CPU": PhaseChecks.gradients,
    "twice": PhaseChecks.twice,
    "resumed": PhaseChecks.resumed,
    "captured": PhaseChecks.captured,
    "captured, resumed": PhaseChecks.captured_and_resumed,
    "waits": PhaseChecks.waits,
    "waits, captured": PhaseChecks.waits_captured,
    "bf16": PhaseChecks.gradients_in_bf16,
}
"""By name, in order."""
FIGURES = ("as on the CPU", "bf16")
"""Those that tell a distance, too."""
