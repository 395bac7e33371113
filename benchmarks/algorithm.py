"""What an iteration of recipes/gm_mnist.toml costs beside the same algorithm written by hand.

Algorithm 1 of Zheng and Sun: three steps of the GM loss on batches of their own, then a joint step in which seven
losses train five modules. By hand each module's gradient is one `torch.autograd.grad` of the losses that train it, on
one forward pass; the same modules, losses and optimisers in both. Ours has the hooks, records and progress bar of every
run. Full MNIST from the folder that SEMREG_DATA names, of which 100 images of each digit are used; without it the
bundled digits.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import torch
from semreg_gmprior.losses import gm, lkd
from torch import Tensor

from benchmarks.loop import WITH_HOOKS, Contestant, Work
from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, median_ratio, seconds
from benchmarks.training import measured_beside, open_work
from semreg.components.losses import (
    adversarial_critic,
    adversarial_generator,
    cross_entropy,
    kl_divergence,
    l2,
    uniform_cross_entropy,
)
from semreg.components.operations import diagonal_gaussian, draw, draw_like, sample
from semreg.training.build import build_modules

RECIPE = ROOT / "recipes" / "gm_mnist.toml"
IMAGES, INNER = 100, 3
MOST = 1.10
"""How many times as long as by hand an iteration may take."""
BY_HAND = "by hand, autograd.grad per module"


def by_hand(work: Work) -> Contestant:
    """Algorithm 1 as one would write it without semreg."""
    modules = build_modules(work.plan, seed=0)
    encoder_s, encoder_u, decoder = modules["encoder_s"], modules["encoder_u"], modules["decoder"]
    classifier, critic = modules["classifier"], modules["critic"]
    prior_s, prior_u = modules["prior_s"], modules["prior_u"]
    optimizers = {
        name: torch.optim.Adam(module.parameters(), lr=5e-4, betas=(0.0, 0.9))
        for name, module in modules.items() if name != "prior_u"
    }  # fmt: skip
    rows = work.data.rows("train")
    pixels, digits = (work.data.arrays[name].index_select(0, rows) for name in ("image", "digit"))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            order = torch.randperm(len(pixels))
            for start in range(0, len(pixels) - work.batch_size + 1, work.batch_size):
                batch = order[start : start + work.batch_size]
                yield pixels.index_select(0, batch).float().mul_(2 / 255).sub_(1), digits.index_select(0, batch)

    def descend(losses: dict[str, Tensor]) -> None:
        for name, loss in losses.items():
            parameters = list(modules[name].parameters())
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
        for name in losses:
            optimizers[name].step()

    def train() -> None:
        inner, joint = batches(), batches()
        for _ in range(work.steps):
            for _ in range(INNER):
                image, digit = next(inner)
                loss = gm(encoder_s(image), digit, prior_s)
                descend({"encoder_s": loss, "prior_s": loss})
            image, digit = next(joint)
            z_s, q_u = encoder_s(image), diagonal_gaussian(encoder_u(image))
            z_u = sample(q_u)
            guess, copy = classifier(z_u), decoder(z_s, z_u)
            drawn = decoder(draw(prior_s, digit), draw_like(prior_u, z_u))
            real, fake = critic(image, digit), torch.cat([critic(copy, digit), critic(drawn, digit)], 1)
            rec = 10 * l2(copy, image)
            descend({
                "encoder_s": rec + lkd(z_s, digit, prior_s),
                "encoder_u": rec + 0.05 * kl_divergence(q_u, prior_u) + uniform_cross_entropy(guess),
                "classifier": cross_entropy(guess, digit),
                "decoder": rec + adversarial_generator(fake, form="hinge"),
                "critic": adversarial_critic(real, fake, form="hinge"),
            })  # fmt: skip

    return lambda: seconds(train) / work.steps


def measure(effort: Effort) -> Findings:
    """Milliseconds per iteration, against the hand-written algorithm."""
    work = open_work(RECIPE, IMAGES, epochs=1)
    measured = measured_beside(BY_HAND, by_hand(work), work, effort.rounds)
    rows = [
        [contestant, f"{statistics.median(values) * 1e3:.1f}", f"{median_ratio(values, measured[BY_HAND]):.3f}"]
        for contestant, values in measured.items()
    ]
    used = f"{work.plan.data.use}, {len(work.data.rows('train')):,} images"
    note = f"{' '.join((__doc__ or '').split())} Here: {used}; medians of {effort.rounds} rounds of {work.steps}."
    ratio = median_ratio(measured[WITH_HOOKS], measured[BY_HAND])
    goal = Goal("algorithm: gm_mnist", f"at most {MOST:.2f} times by hand", f"{ratio:.3f}", ratio <= MOST)
    table = Table("Algorithm", ["iteration", "ms", "time over by hand"], rows, note)
    return Findings([table], [goal])
