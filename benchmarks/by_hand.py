"""Recipes written by hand, as one would without semreg: the same modules and loss functions, one plain loop.

Each is fed from a tensor of uint8 images on its device, and stepped by one Adam, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from semreg_atnl.functional import angular_triplet_neighbor_loss, normalize
from semreg_gmprior.losses import gm, lkd
from torch import Tensor, nn

from benchmarks.work import CPU, Work
from semreg.components.losses import (
    adversarial_critic,
    adversarial_generator,
    cross_entropy,
    kl_divergence,
    l1,
    l2,
    uniform_cross_entropy,
)
from semreg.components.operations import diagonal_gaussian, draw, draw_like, sample
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules

Batch = tuple[Tensor, ...]
"""Images, and what labels are asked for."""
Adam = Callable[..., torch.optim.Optimizer]
"""Makes an Adam for parameters."""
WARM_UP = 3
"""Iterations before one is captured."""


@dataclass(frozen=True)
class ByHand:
    """What an iteration does with its batches, how many it takes in each of its steps, and the labels that it reads."""

    iterate: Callable[[Sequence[Batch]], None]
    counts: tuple[int, ...] = (1,)
    labels: tuple[str, ...] = ()


class Recipe(Protocol):
    """Writes a recipe by hand, on a device, in a precision; `compiled` has torch.compile do its forward pass."""

    def __call__(
        self, plan: Plan, adam: Adam, device: torch.device = CPU, *, bf16: bool = False, compiled: bool = False
    ) -> ByHand: ...


def adam(*, fused: bool = False, capturable: bool = False, **options: Any) -> Adam:
    """PyTorch's default Adam, or its fused one."""
    more = {"fused": True} if fused else {}
    return partial(torch.optim.Adam, **{"lr": 1e-3, **more, **({"capturable": True} if capturable else {}), **options})


# --- recipes ---


class VAE(nn.Module):
    """vae_digits' modules and losses as one module: from images to the loss."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        modules = build_modules(plan, seed=0)
        self.encoder, self.decoder, self.prior = modules["encoder"], modules["decoder"], modules["prior"]

    def forward(self, image: Tensor) -> Tensor:
        posterior = diagonal_gaussian(self.encoder(image))
        reconstruction = self.decoder(sample(posterior))
        kl = kl_divergence(posterior, self.prior, reduction="sum")
        return l2(reconstruction, image, reduction="sum") + 0.2 * kl


class ATNL(VAE):
    """atnl_mnist's modules and losses as one module: from images and digits to the loss."""

    def forward(self, image: Tensor, digit: Tensor) -> Tensor:  # type: ignore[override]
        posterior = diagonal_gaussian(self.encoder(image), initial_log_variance=-2.0)
        reconstruction = self.decoder(normalize(sample(posterior)))
        kl = kl_divergence(posterior, self.prior, reduction="sum")
        atnl = angular_triplet_neighbor_loss(posterior.mean, digit, margin=1.2, neighbors="ring", num_classes=10)
        return 10 * l1(reconstruction, image) + 1e-4 * kl + atnl


def _single(
    module: type[VAE], labels: tuple[str, ...], plan: Plan, adam: Adam, device: torch.device = CPU, *,
    bf16: bool = False, compiled: bool = False,
) -> ByHand:  # fmt: skip
    model: nn.Module = module(plan).to(device)
    optimizer = adam(model.parameters())
    forward = torch.compile(model) if compiled else model

    def iterate(batches: Sequence[Batch]) -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = forward(*batches[0])
        loss.backward()
        optimizer.step()

    return ByHand(iterate, labels=labels)


vae: Recipe = partial(_single, VAE, ())
atnl: Recipe = partial(_single, ATNL, ("digit",))


def gm_mnist(
    plan: Plan, adam: Adam, device: torch.device = CPU, *, bf16: bool = False, compiled: bool = False
) -> ByHand:
    """Algorithm 1 of Zheng and Sun: each module's gradient is one autograd.grad of the losses that train it."""
    modules = {name: module.to(device) for name, module in build_modules(plan, seed=0).items()}
    encoder_s, encoder_u, decoder = modules["encoder_s"], modules["encoder_u"], modules["decoder"]
    classifier, critic = modules["classifier"], modules["critic"]
    prior_s, prior_u = modules["prior_s"], modules["prior_u"]
    parameters = {name: list(module.parameters()) for name, module in modules.items() if name != "prior_u"}
    optimizer = adam([one for of in parameters.values() for one in of], lr=5e-4, betas=(0.0, 0.9))

    def first(image: Tensor, digit: Tensor) -> dict[str, Tensor]:
        loss = gm(encoder_s(image), digit, prior_s)
        return {"encoder_s": loss, "prior_s": loss}

    def joint(image: Tensor, digit: Tensor) -> dict[str, Tensor]:
        z_s, q_u = encoder_s(image), diagonal_gaussian(encoder_u(image))
        z_u = sample(q_u)
        guess, copy = classifier(z_u), decoder(z_s, z_u)
        drawn = decoder(draw(prior_s, digit), draw_like(prior_u, z_u))
        real, fake = critic(image, digit), torch.cat([critic(copy, digit), critic(drawn, digit)], 1)
        rec = 10 * l2(copy, image)
        return {
            "encoder_s": rec + lkd(z_s, digit, prior_s),
            "encoder_u": rec + 0.05 * kl_divergence(q_u, prior_u) + uniform_cross_entropy(guess),
            "classifier": cross_entropy(guess, digit),
            "decoder": rec + adversarial_generator(fake, form="hinge"),
            "critic": adversarial_critic(real, fake, form="hinge"),
        }

    def descend(losses: Mapping[str, Tensor]) -> None:
        optimizer.zero_grad()
        for name, loss in losses.items():
            gradients = torch.autograd.grad(loss, parameters[name], retain_graph=True)
            for parameter, gradient in zip(parameters[name], gradients, strict=True):
                parameter.grad = gradient
        optimizer.step()

    compute = [torch.compile(one) if compiled else one for one in (first, joint)]

    def iterate(batches: Sequence[Batch]) -> None:
        for number, batch in enumerate(batches, 1):
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                losses = compute[number == len(batches)](*batch)
            descend(losses)

    return ByHand(iterate, counts=(3, 1), labels=("digit",))


# --- loops ---


class Feed:
    """Batches without end of a work's training images, in a new order each epoch, made on a device."""

    def __init__(self, work: Work, labels: Sequence[str] = (), device: torch.device = CPU) -> None:
        rows, self.size = work.data.rows("train"), work.batch_size
        self.pixels = work.data.arrays["image"].index_select(0, rows).to(device)
        self.labels = [work.data.arrays[name].index_select(0, rows).to(device) for name in labels]
        self.low, high = work.plan.value_range
        self.scale = (high - self.low) / 255

    def __iter__(self) -> Iterator[Batch]:
        count = len(self.pixels)
        while True:
            order = torch.randperm(count, device=self.pixels.device)
            for start in range(0, count - self.size + 1, self.size):
                batch = order[start : start + self.size]
                image = self.pixels.index_select(0, batch).float().mul_(self.scale)
                if self.low:
                    image.add_(self.low)
                yield (image, *(label.index_select(0, batch) for label in self.labels))


class Loop:
    """A bare loop: nothing but the work. `steps(n)` does n iterations; `captured` replays one as a CUDA graph."""

    def __init__(self, work: Work, hand: ByHand, device: torch.device = CPU, *, captured: bool = False) -> None:
        self.feeds = [iter(Feed(work, hand.labels, device)) for _ in hand.counts]
        self.counts = hand.counts
        self.iterate = Captured(hand.iterate, self.batches()) if captured else hand.iterate

    def batches(self) -> list[Batch]:
        """What the next iteration takes."""
        return [next(feed) for feed, count in zip(self.feeds, self.counts, strict=True) for _ in range(count)]

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.iterate(self.batches())


class Captured:
    """An iteration as a CUDA graph, which reads its batches from memory that stays in place."""

    def __init__(self, iterate: Callable[[Sequence[Batch]], None], batches: Sequence[Batch]) -> None:
        self.batches = [tuple(tensor.clone() for tensor in batch) for batch in batches]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                iterate(self.batches)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            iterate(self.batches)

    def __call__(self, batches: Sequence[Batch]) -> None:
        for kept, batch in zip(self.batches, batches, strict=True):
            for memory, tensor in zip(kept, batch, strict=True):
                memory.copy_(tensor)
        self.graph.replay()
