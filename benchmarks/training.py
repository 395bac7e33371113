"""What training costs beside a bare PyTorch loop where the work is real: recipes/atnl_mnist.toml.

The same modules and loss functions in all, threads and allocator alike; the bare loop steps one Adam and keeps no
record, ours has the hooks, records and progress bar of every run, and what `semreg run` chooses: channels_last and a
fused Adam. pythae trains its VAE of the same nets, with PyTorch's default Adam, beside recipes/mnist/vae.toml. Full
MNIST from the folder that SEMREG_DATA names, of which 512 images of each digit are used (batches of 256); without it
the fallback (1,437 digits, batches of 128). The losses are those recorded last, after as many steps from the same
weights; their draws are the same in all of semreg's.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.by_hand import Loop, Recipe, adam, atnl
from benchmarks.loop import BARE, COMPILER, FUSED, Contestant, ours, own_hooks
from benchmarks.made_up import made_up
from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, in_turns, median_ratio, seconds, version_of
from benchmarks.peers import FRAMEWORKS
from benchmarks.work import Work
from semreg.cli.doctor import has_bf16
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.running.choices import Choices
from semreg.running.start import plan_for
from semreg.store.layout import METRICS
from semreg.trained.opening import open_data

RECIPE = ROOT / "recipes" / "atnl_mnist.toml"
IMAGES = 512
FULL, BF16 = "semreg", "semreg, bf16"
COMPILED, BF16_COMPILED = "semreg, compiled", "semreg, bf16, compiled"
GOALS = {FULL: 1.15, BF16: 1.9, BF16_COMPILED: 2.0}
"""How many times as many images a second as the bare loop with PyTorch's default Adam."""
PYTHAE, OUR_VAE, OVER_PYTHAE = "pythae, VAE", "semreg, VAE", 1.15
"""How many times as many images a second as pythae's VAE ours is to train."""


def open_work(recipe: Path, images: int, effort: Effort) -> Work:
    """The recipe's plan and data, for an epoch: so many images of each of MNIST's digits, or the fallback's.

    For less than the full effort a batch of made-up ones.
    """
    root = Path(os.environ.get("SEMREG_DATA", "data"))
    few = [f"data.split.shots.digit.{digit}={images}" for digit in range(10)]
    epoch = ["phases.main.epochs=1"]
    found = (root / "MNIST").is_dir()
    changes = [*few, *epoch] if found else [f"fallback.{change}" for change in epoch]
    plan, _ = plan_for(load_recipe(recipe, changes), Choices(data_root=root))
    plan = plan.trained_part()
    whole = effort.share >= 1
    return Work(plan, open_data(plan) if whole else made_up(plan.fields, 2 * plan.phases[0].batch_size))


def by_hand(work: Work, recipe: Recipe, *, fused: bool) -> Contestant:
    """A recipe written by hand, as a contestant."""
    loop = Loop(work, recipe(work.plan, adam(fused=fused)))
    return lambda: seconds(lambda: loop.steps(work.steps)) / work.steps


def settings(bf16: bool, compiler: bool) -> dict[str, dict[str, Any]]:
    """How semreg trains, by name, of what this machine can."""
    found: dict[str, dict[str, Any]] = {FULL: {}}
    if bf16:
        found[BF16] = {"precision": "bf16"}
    if compiler:
        found[COMPILED] = {"compile": True}
    if bf16 and compiler:
        found[BF16_COMPILED] = {"precision": "bf16", "compile": True}
    return found


def measured_beside(
    recipe: Recipe,
    work: Work,
    rounds: int,
    chosen: dict[str, dict[str, Any]],
    others: Callable[[Path], Mapping[str, Contestant]] | None = None,
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds per step of the recipe by hand and of ours as a run has them, and what losses ours recorded last.

    `others` makes what is measured beside them, in a folder.
    """
    torch.set_flush_denormal(True)  # as a run of semreg does
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        terminal = stack.enter_context(open(os.devnull, "w"))
        contestants = {BARE: by_hand(work, recipe, fused=False), FUSED: by_hand(work, recipe, fused=True)}
        contestants |= others(folder) if others else {}
        for number, (name, setting) in enumerate(chosen.items()):
            contestants[name] = ours(work, folder / str(number), own_hooks(terminal), **setting)
        measured = in_turns(contestants, rounds)
        return measured, {name: last_losses(folder / str(number)) for number, name in enumerate(chosen)}


def vaes(work: Work, folder: Path) -> dict[str, Contestant]:
    """pythae's VAE and ours, on the same nets and data, if pythae is installed."""
    distribution, make = FRAMEWORKS["pythae"]
    if version_of(distribution) is None:
        return {}
    changes = [f"data.batch_size={work.batch_size}", "phases.main.epochs=1"]
    if work.plan.data.use != "mnist":
        changes += [f"data.use={work.plan.data.use}", "data.size=32"]
    plan = check(load_recipe(ROOT / "recipes" / "mnist" / "vae.toml", changes)).trained_part()
    return {PYTHAE: make(work, adam()), OUR_VAE: ours(Work(plan, work.data), folder / "vae")}


def last_losses(folder: Path) -> str:
    """The losses that the only run of a folder recorded last."""
    (path,) = folder.glob(f"*/{METRICS}")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    losses = next(record["losses"] for record in reversed(records) if "losses" in record)
    return ", ".join(f"{name} {value:.4g}" for name, value in losses.items())


def table(
    title: str, note: str, work: Work, measured: dict[str, list[float]], losses: dict[str, str], rounds: int
) -> Table:
    """Images per second, beside the bare loop."""
    rows = [
        [
            contestant,
            losses.get(contestant, ""),
            f"{work.batch_size / statistics.median(values):,.0f}",
            f"{statistics.median(values) * 1e3:.1f}",
            f"{median_ratio(measured[BARE], values):.3f}",
        ]
        for contestant, values in measured.items()
    ]
    used = f"{work.plan.data.use}, {len(work.data.rows('train')):,} images"
    told = f"{' '.join(note.split())} Here: {used}; medians of {rounds} rounds of {work.steps} iterations."
    columns = ["loop", "last losses", "images/s", "ms per iteration", "times as fast as bare default"]
    return Table(title, columns, rows, told)


def measure(effort: Effort) -> Findings:
    """Images per second, against the bare loop."""
    work = open_work(RECIPE, IMAGES, effort)
    chosen = settings(has_bf16(), bool(COMPILER) and effort.compiles)
    measured, losses = measured_beside(atnl, work, effort.rounds, chosen, partial(vaes, work))
    goals = []
    if PYTHAE in measured:
        ratio = median_ratio(measured[PYTHAE], measured[OUR_VAE])
        wanted = f"at least {OVER_PYTHAE:.2f} × {PYTHAE}"
        goals.append(Goal(f"training: {OUR_VAE}", wanted, f"{ratio:.3f}", ratio >= OVER_PYTHAE))
    for name, least in GOALS.items():
        if name in measured:
            ratio = median_ratio(measured[BARE], measured[name])
            goals.append(Goal(f"training: {name}", f"at least {least:.2f} × {BARE}", f"{ratio:.3f}", ratio >= least))
    return Findings([table("Training", __doc__ or "", work, measured, losses, effort.rounds)], goals)
