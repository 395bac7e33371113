"""A phase's runner on made-up batches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules
from semreg.training.optimizers import Optimizer
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting

SGD = '[optimizer]\nuse = "sgd"\nlr = 0.1\n'
"""The optimiser whose steps are plain."""


class Numbered:
    """Batches drawn from their number, which is noted when one is asked for."""

    per_epoch = 3

    def __init__(self, make: Callable[[int], dict[str, Any]], place: torch.device) -> None:
        self.asked: list[int] = []
        self.make, self.place = make, place

    def batch(self, count: int) -> dict[str, Any]:
        self.asked.append(count)
        return {name: value.to(self.place) for name, value in self.make(count).items()}


def make_batch(count: int) -> dict[str, Any]:
    """Batch number `count`."""
    generator = torch.Generator().manual_seed(count)
    return {
        "image": torch.rand(6, 1, 4, 4, generator=generator),
        "kind": torch.arange(6) % 3,
        "marks": torch.ones(6, 2),
        "point": torch.rand(6, 3, generator=generator),
    }


class Bench:
    """A phase's runner on made-up batches."""

    def __init__(
        self,
        path: Path,
        *overrides: str,
        phase: int = 0,
        precision: str = "fp32",
        make: Callable[[int], dict[str, Any]] = make_batch,
        device: str = "cpu",
        capture: bool = True,
        compile: bool = False,
    ) -> None:
        self.plan: Plan = check(load_recipe(path, overrides))
        place = torch.device(device)
        self.modules = {name: module.to(place) for name, module in build_modules(self.plan, seed=0).items()}
        self.setting = Setting(self.plan, self.modules, 0, place, precision, capture=capture, compile=compile)
        self.sources: dict[str, Numbered] = {}

        def batches(step: Any) -> Numbered:
            self.sources[step.name] = Numbered(make, place)
            return self.sources[step.name]

        self.runner = PhaseRunner(
            self.setting, self.plan.phases[phase], batches, lambda: [make_batch(100), make_batch(101)]
        )

    def optimizer(self, module: str) -> Optimizer:
        """The optimiser that steps a module."""
        [found] = [one for one in self.runner.optimizers if module in [part.name for part in one.parts]]
        return found

    def weights(self) -> dict[str, dict[str, Tensor]]:
        return {name: copy.deepcopy(module.state_dict()) for name, module in self.modules.items()}

    def moved(self, before: dict[str, dict[str, Tensor]]) -> set[str]:
        now = self.weights()
        return {name for name in now if any(not torch.equal(now[name][key], before[name][key]) for key in now[name])}
