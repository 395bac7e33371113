"""What a training loop costs beside the work itself: one small model, one optimiser, one set of cached tensors.

The variational autoencoder of recipes/vae_digits.toml on 8×8 digits, in batches of 64. All contestants call the same
modules and the same loss functions, and all but semreg step one Adam over all parameters (the recipe has two). The bare
loop keeps no record of anything. The frameworks get whole batches from a DataLoader that slices the cached tensor, the
quickest way to feed them, and have logging, checkpoints and progress bars switched off.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pluggy
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.measure import (
    ROOT,
    Effort,
    Findings,
    Goal,
    Table,
    against,
    in_turns,
    installed,
    median_difference,
    milliseconds,
    seconds,
    version_of,
)
from semreg.components.losses import kl_divergence, l2
from semreg.components.operations import diagonal_gaussian, sample
from semreg.core import hookspecs, plugin_manager
from semreg.data.dataset import Cached
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.running.progress import ProgressBar
from semreg.store.folder import RunFolder
from semreg.trained.opening import open_data
from semreg.training.build import build_modules
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting
from semreg.training.trainer import Trainer

BARE = "bare PyTorch loop"
OURS = "semreg, no hooks"
WITH_HOOKS = "semreg, its own hooks, progress bar drawn"
MORE_COMPONENTS = "semreg, 1,000 more components installed"
MORE_HOOKS = "semreg, 100 plugins that don't listen to iterations"
INSTALL = "not installed; pip install -r benchmarks/requirements.txt"
EPOCHS = 8
MOST, NOTHING = 0.3e-3, 0.05e-3
"""Seconds: what a step may cost beside the work, and what counts as no difference."""

Contestant = Callable[[], float]


@dataclass(frozen=True)
class Work:
    """What all contestants train on: the plan, the data, and how many epochs a round has."""

    plan: Plan
    data: Cached

    @property
    def epochs(self) -> int:
        return self.plan.phases[0].epochs

    @property
    def pixels(self) -> Tensor:
        return self.data.arrays["image"].index_select(0, self.data.rows("train")).clone()

    @property
    def batch_size(self) -> int:
        return self.plan.phases[0].batch_size

    @property
    def steps(self) -> int:
        return self.epochs * (len(self.pixels) // self.batch_size)


class Model(nn.Module):
    """The recipe's modules and loss as one module: from images to the loss."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        modules = build_modules(plan, seed=0)
        self.encoder, self.decoder, self.prior = modules["encoder"], modules["decoder"], modules["prior"]

    def forward(self, image: Tensor) -> Tensor:
        posterior = diagonal_gaussian(self.encoder(image))
        reconstruction = self.decoder(sample(posterior))
        kl = kl_divergence(posterior, self.prior, reduction="sum")
        return l2(reconstruction, image, reduction="sum") + 0.2 * kl


class WholeBatches(Dataset[Tensor]):
    """Batches sliced and normalised at once: where there is `__getitems__` the loader asks for all of a batch."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, indices: list[int]) -> Tensor:
        return self.pixels.index_select(0, torch.tensor(indices)).float().mul_(1 / 255)


def loader(work: Work) -> DataLoader[Tensor]:
    """The frameworks' batches."""
    data = WholeBatches(work.pixels)
    return DataLoader(data, work.batch_size, shuffle=True, drop_last=True, collate_fn=lambda batch: batch)


# --- contestants: each trains a round and returns the seconds per step ---


def bare(work: Work) -> Contestant:
    """Nothing but the work."""
    model, pixels, size = Model(work.plan), work.pixels, work.batch_size
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train() -> None:
        for _ in range(work.epochs):
            order = torch.randperm(len(pixels))
            for start in range(0, len(pixels) - size + 1, size):
                image = pixels.index_select(0, order[start : start + size]).float().mul_(1 / 255)
                optimizer.zero_grad()
                model(image).backward()
                optimizer.step()

    return lambda: seconds(train) / work.steps


def bare_with_loader(work: Work) -> Contestant:
    """The bare loop, fed as the frameworks are."""
    model, batches = Model(work.plan), loader(work)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train() -> None:
        for _ in range(work.epochs):
            for image in batches:
                optimizer.zero_grad()
                model(image).backward()
                optimizer.step()

    return lambda: seconds(train) / work.steps


def accelerate(work: Work) -> Contestant:
    """Hugging Face's Accelerate, as its documentation writes a loop."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = Model(work.plan)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model, optimizer, batches = accelerator.prepare(model, optimizer, loader(work))

    def train() -> None:
        for _ in range(work.epochs):
            for image in batches:
                optimizer.zero_grad()
                accelerator.backward(model(image))
                optimizer.step()

    return lambda: seconds(train) / work.steps


def fabric(work: Work) -> Contestant:
    """Lightning Fabric, as its documentation writes a loop."""
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    model = Model(work.plan)
    model, optimizer = fabric.setup(model, torch.optim.Adam(model.parameters(), lr=1e-3))
    batches = fabric.setup_dataloaders(loader(work))

    def train() -> None:
        for _ in range(work.epochs):
            for image in batches:
                optimizer.zero_grad()
                fabric.backward(model(image))
                optimizer.step()

    return lambda: seconds(train) / work.steps


def lightning(work: Work) -> Contestant:
    """Lightning's Trainer without logger, checkpoints, progress bar and summary; its start-up is not counted."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.begun, self.taken = Model(work.plan), 0.0, 0.0

        def training_step(self, image: Tensor) -> Tensor:
            loss: Tensor = self.model(image)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

        def on_train_start(self) -> None:
            self.begun = time.perf_counter()

        def on_train_end(self) -> None:
            self.taken = time.perf_counter() - self.begun

    module, batches = Module(), loader(work)

    def train() -> float:
        lightning.Trainer(
            max_epochs=work.epochs, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, batches)  # fmt: skip
        return module.taken / work.steps

    return train


def ours(work: Work, folder: Path, manager: pluggy.PluginManager) -> Contestant:
    """semreg's own loop, with records and status in a run's folder."""
    modules = build_modules(work.plan, seed=0)
    setting = Setting(work.plan, modules, 0, torch.device("cpu"), "fp32")
    run = RunFolder(folder, work.plan.name)
    run.folder.mkdir(parents=True)
    trainer = Trainer(setting, work.data, run, manager)
    phase = work.plan.phases[0]

    def train() -> float:
        runner = PhaseRunner(setting, phase, lambda step: trainer.batches(phase, step, {}), None)
        return seconds(lambda: trainer.loop(runner, 0, 0, 0.0)) / work.steps

    return train


def our_steps(work: Work, folder: Path) -> Contestant:
    """semreg's steps without the loop around them: no records, no hooks."""
    setting = Setting(work.plan, build_modules(work.plan, seed=0), 0, torch.device("cpu"), "fp32")
    trainer = Trainer(setting, work.data, RunFolder(folder, work.plan.name), no_hooks())
    phase = work.plan.phases[0]
    runner = PhaseRunner(setting, phase, lambda step: trainer.batches(phase, step, {}), None)

    def train() -> None:
        for iteration in range(runner.iterations):
            runner.iterate(iteration)
        runner.losses()

    return lambda: seconds(train) / work.steps


# --- hooks ---


def no_hooks() -> pluggy.PluginManager:
    """A manager that nothing is registered with."""
    manager = pluggy.PluginManager("semreg")
    manager.add_hookspecs(hookspecs)
    return manager


def own_hooks(terminal: Any) -> pluggy.PluginManager:
    """The hooks that every run has, the progress bar drawn as on a terminal."""
    manager = plugin_manager.load_hooks(warnings.warn)
    for plugin in manager.get_plugins():
        if isinstance(plugin, ProgressBar):
            manager.unregister(plugin)
    plugin_manager.add_plugin(manager, ProgressBar(Console(file=terminal, force_terminal=True, width=120)), "progress")
    return manager


class Silent:
    """A hook plugin that listens to the start of phases alone."""

    @hookspecs.hookimpl
    def phase_started(self) -> None: ...


def silent_hooks(count: int) -> pluggy.PluginManager:
    """Many plugins that don't listen to iterations."""
    manager = no_hooks()
    for number in range(count):
        plugin_manager.add_plugin(manager, Silent(), f"silent {number}")
    return manager


# --- the topic ---


def open_work(epochs: int, recipe: Path = ROOT / "recipes" / "vae_digits.toml") -> Work:
    """The recipe's plan and data."""
    plan = check(load_recipe(recipe, [f"phases.main.epochs={epochs}"]))
    return Work(plan, open_data(plan))


def measure(effort: Effort) -> Findings:
    """Milliseconds per step, against the bare loop."""
    torch.set_flush_denormal(True)  # as a run of semreg does
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        work = open_work(effort.of(EPOCHS))
        contestants: dict[str, Contestant] = {BARE: bare(work), "bare loop, DataLoader": bare_with_loader(work)}
        missing: dict[str, str] = {}
        for name, distribution, make in (
            ("Accelerate", "accelerate", accelerate),
            ("Lightning Fabric", "lightning", fabric),
            ("Lightning Trainer", "lightning", lightning),
        ):
            version = version_of(distribution)
            if version is None:
                missing[name] = INSTALL
            else:
                contestants[f"{name} {version}"] = make(work)
        contestants["semreg, steps alone: no records"] = our_steps(work, folder / "steps")
        contestants[OURS] = ours(work, folder / "ours", no_hooks())
        terminal = stack.enter_context(open(os.devnull, "w"))
        contestants[WITH_HOOKS] = ours(work, folder / "hooks", own_hooks(terminal))
        contestants[MORE_HOOKS] = ours(work, folder / "silent", silent_hooks(100))
        crowd = {"semreg.losses": {f"loss_{number}": "no_such_module:loss" for number in range(1000)}}
        with installed(folder / "crowd", "semreg-crowd", crowd):
            crowded = replace(work, plan=open_work(work.epochs).plan)
            contestants[MORE_COMPONENTS] = ours(crowded, folder / "crowded", no_hooks())
            with quiet():
                measured = in_turns(contestants, effort.rounds)
    table = Table(
        "Loop",
        ["loop", "ms per step", "more than bare, ms", "ratio"],
        against(BARE, measured, missing),
        f"{' '.join((__doc__ or '').split())} Medians of {effort.rounds} rounds of {work.steps} steps, in turns.",
    )
    return Findings([table], list(goals(measured)))


def goals(measured: dict[str, list[float]]) -> Iterator[Goal]:
    """What the loop may cost, and that it does not grow."""
    for name in (OURS, WITH_HOOKS):
        more = median_difference(measured[name], measured[BARE])
        wanted = f"at most {milliseconds(MOST, signed=True)} ms over bare"
        yield Goal(f"loop: {name}", wanted, f"{milliseconds(more, signed=True)} ms", more <= MOST)
    for name in (MORE_COMPONENTS, MORE_HOOKS):
        more = median_difference(measured[name], measured[OURS])
        wanted = f"nothing more than without (within {milliseconds(NOTHING)} ms)"
        yield Goal(f"loop: {name}", wanted, f"{milliseconds(more, signed=True)} ms", more <= NOTHING)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the frameworks from telling how they would rather be used."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
