"""What `semreg run` costs beside a bare PyTorch loop where the work is real: recipes/atnl_mnist.toml.

The same modules and loss functions in both, threads and allocator alike; the bare loop steps one Adam and keeps no
record, ours has the hooks, records and progress bar of every run. Full MNIST from the folder that SEMREG_DATA names, of
which 512 images of each digit are used (batches of 256); without it the fallback (1,437 digits, batches of 128).
"""

from __future__ import annotations

import os
import statistics
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from semreg_atnl.functional import angular_triplet_neighbor_loss, normalize
from torch import Tensor, nn

from benchmarks.loop import BARE, OURS, WITH_HOOKS, Contestant, Work, no_hooks, ours, own_hooks
from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, in_turns, median_ratio, seconds
from semreg.components.losses import kl_divergence, l1
from semreg.components.operations import diagonal_gaussian, sample
from semreg.recipe.load import load_recipe
from semreg.running.choices import Choices
from semreg.running.start import plan_for
from semreg.trained.opening import open_data
from semreg.training.build import build_modules

RECIPE = ROOT / "recipes" / "atnl_mnist.toml"
IMAGES = 512
MOST = 1.03
"""How many times as long as the bare loop a step may take."""


class Model(nn.Module):
    """The recipe's modules and losses as one module: from images and digits to the loss."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        modules = build_modules(work.plan, seed=0)
        self.encoder, self.decoder, self.prior = modules["encoder"], modules["decoder"], modules["prior"]

    def forward(self, image: Tensor, digit: Tensor) -> Tensor:
        posterior = diagonal_gaussian(self.encoder(image), initial_log_variance=-2.0)
        reconstruction = self.decoder(normalize(sample(posterior)))
        kl = kl_divergence(posterior, self.prior, reduction="sum")
        atnl = angular_triplet_neighbor_loss(posterior.mean, digit, margin=1.2, neighbors="ring", num_classes=10)
        return 10 * l1(reconstruction, image) + 1e-4 * kl + atnl


def bare(work: Work) -> Contestant:
    """Nothing but the work."""
    model, size = Model(work), work.batch_size
    rows = work.data.rows("train")
    pixels, digits = (work.data.arrays[name].index_select(0, rows) for name in ("image", "digit"))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train() -> None:
        for _ in range(work.epochs):
            order = torch.randperm(len(pixels))
            for start in range(0, len(pixels) - size + 1, size):
                batch = order[start : start + size]
                image = pixels.index_select(0, batch).float().mul_(1 / 255)
                optimizer.zero_grad()
                model(image, digits.index_select(0, batch)).backward()
                optimizer.step()

    return lambda: seconds(train) / work.steps


def open_work(recipe: Path, images: int, epochs: int) -> Work:
    """The recipe's plan and data: so many images of each of MNIST's digits, or the fallback's."""
    root = Path(os.environ.get("SEMREG_DATA", "data"))
    few = [f"data.split.shots.digit.{digit}={images}" for digit in range(10)]
    epoch = [f"phases.main.epochs={epochs}"]
    found = (root / "MNIST").is_dir()
    changes = [*few, *epoch] if found else [f"fallback.{change}" for change in epoch]
    plan, _ = plan_for(load_recipe(recipe, changes), Choices(data_root=root))
    return Work(plan, open_data(plan))


def measured_beside(base: str, other: Contestant, work: Work, rounds: int) -> dict[str, list[float]]:
    """Seconds per step of another's loop, called `base`, and of ours without hooks and as a run has them."""
    torch.set_flush_denormal(True)  # as a run of semreg does
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        terminal = stack.enter_context(open(os.devnull, "w"))
        contestants = {
            base: other,
            OURS: ours(work, folder / "ours", no_hooks()),
            WITH_HOOKS: ours(work, folder / "hooks", own_hooks(terminal)),
        }
        return in_turns(contestants, rounds)


def measure(effort: Effort) -> Findings:
    """Images per second, against the bare loop."""
    work = open_work(RECIPE, IMAGES, epochs=1)
    measured = measured_beside(BARE, bare(work), work, effort.rounds)
    rows = [
        [
            contestant,
            f"{work.batch_size / statistics.median(values):,.0f}",
            f"{statistics.median(values) * 1e3:.1f}",
            f"{median_ratio(values, measured[BARE]):.3f}",
        ]
        for contestant, values in measured.items()
    ]
    used = f"{work.plan.data.use}, {len(work.data.rows('train')):,} images"
    table = Table(
        "Training",
        ["loop", "images/s", "ms per step", "time over bare"],
        rows,
        f"{' '.join((__doc__ or '').split())} Here: {used}; medians of {effort.rounds} rounds of {work.steps} steps.",
    )
    ratio = median_ratio(measured[WITH_HOOKS], measured[BARE])
    goal = Goal(
        "training: semreg run on atnl_mnist", f"at most {MOST:.2f} times the bare loop", f"{ratio:.3f}", ratio <= MOST
    )
    return Findings([table], [goal])
