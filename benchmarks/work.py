"""A recipe's plan with its data, and what trains it: what every measurement of training begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pluggy
import torch

from benchmarks.measure import ROOT
from semreg.core import plugin_manager
from semreg.data.dataset import Cached
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.running import identity, start
from semreg.running.choices import Choices
from semreg.running.start import Runner
from semreg.trained.opening import open_data
from semreg.training.interrupts import Interrupts
from semreg.training.phase import PhaseRunner
from semreg.training.trainer import Trainer

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Work:
    """What all contestants train on: plan and data. A round has as many epochs as the first phase."""

    plan: Plan
    data: Cached

    @property
    def epochs(self) -> int:
        return self.plan.phases[0].epochs

    @property
    def batch_size(self) -> int:
        return self.plan.phases[0].batch_size

    @property
    def steps(self) -> int:
        return self.epochs * (len(self.data.rows("train")) // self.batch_size)

    def trainer(
        self,
        folder: Path,
        device: torch.device = CPU,
        *,
        precision: str = "fp32",
        manager: pluggy.PluginManager | None = None,
        **setting: Any,
    ) -> Trainer:
        """What `semreg run` trains by, into a folder, on these data; by default without hooks, and eager.

        `setting` is more of its setting, by name.
        """
        choices = Choices(device=str(device), precision=precision, out=folder, seed=0)
        with (
            patch.object(start, "open_data", lambda *_, **__: self.data),
            patch.object(identity, "_sources", lambda _: {}),
        ):
            trainer = Runner(self.plan, choices, Interrupts()).prepared().trainer  # named without reading its sources
        trainer.manager = manager or plugin_manager.no_hooks()
        for name, value in {"capture": False, **setting}.items():
            setattr(trainer.setting, name, value)
        return trainer

    def runner(self, folder: Path, device: torch.device = CPU, *, phase: int = 0, **setting: Any) -> PhaseRunner:
        """The runner of a phase, tried out, of a trainer of its own."""
        return self.trainer(folder, device, **setting).begin_phase(self.plan.phases[phase], None)


def open_work(epochs: int, recipe: Path = ROOT / "recipes" / "vae_digits.toml") -> Work:
    """The plan and data of a recipe whose data come with the packages, with so many epochs."""
    plan = check(load_recipe(recipe, [f"phases.main.epochs={epochs}"]))
    return Work(plan, open_data(plan))
