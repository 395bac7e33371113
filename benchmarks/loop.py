"""What a training loop costs beside the work itself: one small model, one optimiser, one set of cached tensors.

The variational autoencoder of recipes/vae_digits.toml on 8×8 digits, in batches of 64. All contestants call the same
modules, and all but pythae the same loss functions, and step one Adam over all parameters: PyTorch's default one, or
its fused one, which semreg takes. The bare loop keeps no record of anything. The frameworks get whole batches from a
DataLoader that slices the cached tensor, the quickest way to feed them, and have logging and checkpoints switched off;
pythae draws its progress bar, the others none.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pluggy
import torch
from rich.console import Console

from benchmarks.by_hand import Adam, Loop, adam, vae
from benchmarks.measure import (
    Effort,
    Findings,
    Goal,
    Table,
    against,
    in_turns,
    installed,
    median_ratio,
    seconds,
    version_of,
)
from benchmarks.peers import FRAMEWORKS, Contestant, loader, quiet
from benchmarks.work import Work, open_work
from semreg.core import hookspecs, plugin_manager
from semreg.running.progress import ProgressBar

BARE, FUSED = "bare PyTorch loop, default Adam", "bare PyTorch loop, fused Adam"
STEPS = "semreg, only steps: no records"
OURS = "semreg, no hooks"
WITH_HOOKS = "semreg, its own hooks, progress bar drawn"
COMPILED = "semreg, only steps, compiled"
MORE_COMPONENTS = "semreg, 1,000 more components installed"
MORE_HOOKS = "semreg, 100 plugins that don't listen to iterations"
INSTALL = "not installed; pip install -r benchmarks/requirements.txt"
COMPILER = shutil.which("g++") or shutil.which("clang++")
"""What torch.compile needs."""
EPOCHS = 16
NOTHING = 1.03
"""Up to which ratio there is no difference."""


# --- contestants: each trains a round and returns the seconds per step ---


def bare(work: Work, adam: Adam, *, compiled: bool = False) -> Contestant:
    """Nothing but the work."""
    loop = Loop(work, vae(work.plan, adam, compiled=compiled))
    return lambda: seconds(lambda: loop.steps(work.steps)) / work.steps


def bare_with_loader(work: Work, adam: Adam) -> Contestant:
    """The bare loop, fed as the frameworks are."""
    hand, batches = vae(work.plan, adam), loader(work)

    def train() -> None:
        for _ in range(work.epochs):
            for image in batches:
                hand.iterate([(image,)])

    return lambda: seconds(train) / work.steps


def ours(work: Work, folder: Path, manager: pluggy.PluginManager | None = None, **setting: Any) -> Contestant:
    """semreg's own loop, with records and status in a run's folder."""
    trainer = work.trainer(folder, manager=manager, **setting)
    trainer.folder.folder.mkdir(parents=True)

    def train() -> float:
        runner = trainer.begin_phase(work.plan.phases[0], None)
        return seconds(lambda: trainer.loop(runner, 0, 0, 0.0)) / work.steps

    return train


def our_steps(work: Work, folder: Path, **setting: Any) -> Contestant:
    """semreg's steps without the loop around them: no records, no hooks."""
    runner = work.runner(folder, **setting)

    def train() -> None:
        for iteration in range(runner.iterations):
            runner.iterate(iteration)
        runner.losses()

    return lambda: seconds(train) / work.steps


# --- hooks ---


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
    manager = plugin_manager.no_hooks()
    for number in range(count):
        plugin_manager.add_plugin(manager, Silent(), f"silent {number}")
    return manager


# --- the topic ---


def made_contestants(
    work: Work, folder: Path, stack: ExitStack, compiler: bool
) -> tuple[dict[str, Contestant], dict[str, str]]:
    """All contestants by name, and why those that are missing are; what they need lasts as long as the stack."""
    fused, default = adam(fused=True), adam()
    contestants = {
        FUSED: bare(work, fused),
        BARE: bare(work, default),
        "bare loop, DataLoader, fused Adam": bare_with_loader(work, fused),
        "bare loop, DataLoader, default Adam": bare_with_loader(work, default),
    }
    missing: dict[str, str] = {}
    for name, (distribution, make) in FRAMEWORKS.items():
        version = version_of(distribution)
        if version is None:
            missing[name] = INSTALL
            continue
        for told, one in (("fused", fused), ("default", default)):
            contestants[f"{name} {version}, {told} Adam"] = make(work, one)
    contestants[STEPS] = our_steps(work, folder / "steps")
    contestants[OURS] = ours(work, folder / "ours")
    terminal = stack.enter_context(open(os.devnull, "w"))  # noqa: SIM115
    contestants[WITH_HOOKS] = ours(work, folder / "hooks", own_hooks(terminal))
    if compiler:
        contestants["bare loop, fused Adam, compiled"] = bare(work, fused, compiled=True)
        contestants[COMPILED] = our_steps(work, folder / "compiled", compile=True)
    else:
        missing[COMPILED] = "not compiled here"
    contestants[MORE_HOOKS] = ours(work, folder / "silent", silent_hooks(100))
    crowd = {"semreg.losses": {f"loss_{number}": "no_such_module:loss" for number in range(1000)}}
    stack.enter_context(installed(folder / "crowd", "semreg-crowd", crowd))
    crowded = replace(work, plan=open_work(work.epochs).plan)
    contestants[MORE_COMPONENTS] = ours(crowded, folder / "crowded")
    return contestants, missing


def measure(effort: Effort) -> Findings:
    """Milliseconds per step, against the bare loop with one fused Adam."""
    torch.set_flush_denormal(True)  # as a run of semreg does
    with ExitStack() as stack, quiet():
        folder = Path(stack.enter_context(TemporaryDirectory()))
        work = open_work(effort.of(EPOCHS))
        contestants, missing = made_contestants(work, folder, stack, bool(COMPILER) and effort.compiles)
        measured = in_turns(contestants, effort.rounds)
    table = Table(
        "Loop",
        ["loop", "ms per step", "more than bare fused, ms", "ratio to bare fused"],
        against(FUSED, measured, missing),
        f"{' '.join((__doc__ or '').split())} Medians of {effort.rounds} rounds of {work.steps} steps, in turns.",
    )
    return Findings([table], list(goals(measured)))


def goals(measured: dict[str, list[float]]) -> Iterator[Goal]:
    """What the loop may cost, and that it does not grow."""
    for name, base, most in (
        (STEPS, FUSED, 1.05), (STEPS, BARE, 0.95), (WITH_HOOKS, FUSED, 1.08), (COMPILED, FUSED, 0.95),
        (MORE_COMPONENTS, OURS, NOTHING), (MORE_HOOKS, OURS, NOTHING),
    ):  # fmt: skip
        if name in measured:
            ratio = median_ratio(measured[name], measured[base])
            yield Goal(f"loop: {name}", f"at most {most:.2f} of: {base}", f"{ratio:.3f}", ratio <= most)
