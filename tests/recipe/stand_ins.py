"""Stand-ins for the components that the papers' plugins will bring, for the recipes in `papers/`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semreg.core import ClassField, ImageField, Specification

ATTRIBUTES = ("identity", "expression", "illumination")


class Mixture(nn.Module):
    """A Gaussian mixture with learned means and diagonal variances."""

    def __init__(self, *, classes: int, size: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.randn(classes, size))
        self.log_variances = nn.Parameter(torch.zeros(classes, size))

    def log_densities(self, codes: Tensor) -> Tensor:
        distances = (codes[:, None] - self.means).square() / self.log_variances.exp()
        return -0.5 * (distances + self.log_variances).sum(-1)

    def sample(self, count: int, labels: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(count, self.means.shape[1], generator=generator)
        return self.means[labels] + (self.log_variances[labels] / 2).exp() * noise


class ProjectionCritic(nn.Module):
    def __init__(self, *, classes: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU())
        self.classes, self.score = nn.Embedding(classes, 8), nn.Linear(8, 1)
        self(torch.zeros(1, *input_shapes[0]), torch.zeros(1, dtype=torch.int64))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.features(images)
        scores: Tensor = self.score(features).squeeze(1) + (features * self.classes(labels)).sum(1)
        return scores


class ClassifierWithTail(nn.Module):
    """Images are brought to the shape of a code first; the tail goes from there to the classes."""

    def __init__(self, *, classes: int, code_channels: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.body = nn.Conv2d(input_shapes[0][0], code_channels, 4, stride=4)
        self.tail = nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
        self(torch.zeros(1, *input_shapes[0]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.tail(self.body(images))
        return logits


def mixture_likelihood(codes: Tensor, labels: Tensor, prior: Mixture) -> Tensor:
    return -prior.log_densities(codes).gather(1, labels[:, None]).mean()


def mixture_loss(codes: Tensor, labels: Tensor, prior: Mixture, *, likelihood: float) -> Tensor:
    return F.cross_entropy(prior.log_densities(codes), labels) + likelihood * mixture_likelihood(codes, labels, prior)


def uniform(*logits: Tensor) -> Tensor:
    return torch.stack([-F.log_softmax(one, dim=1).mean() for one in logits]).mean()


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    return -fake.mean()


def wasserstein_critic(
    critic: nn.Module, real: Tensor, fake: Tensor, *, penalty: float, generator: torch.Generator | None = None
) -> Tensor:
    weight = torch.rand(len(real), 1, 1, 1, generator=generator)
    between = (weight * real + (1 - weight) * fake).requires_grad_()
    [slope] = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return critic(fake).mean() - critic(real).mean() + penalty * (slope.flatten(1).norm(dim=1) - 1).square().mean()


def tail(classifier: ClassifierWithTail, codes: Tensor) -> Tensor:
    logits: Tensor = classifier.tail(codes)
    return logits


def average(*terms: Tensor) -> Tensor:
    return torch.stack(terms).mean()


def total(*terms: Tensor) -> Tensor:
    return torch.stack(terms).sum()


class Faces:
    """Faces with three labels, of which only the specification is known."""

    def specification(self) -> Specification:
        labels = {name: ClassField(tuple("abc"[: 2 + index % 2])) for index, name in enumerate(ATTRIBUTES)}
        return {"image": ImageField(3, 16, 16), **labels}

    def locate(self) -> None:
        pass


STAND_INS: list[tuple[str, str, Any]] = [
    ("dataset", "toy_faces", Faces),
    ("prior", "toy_mixture", Mixture),
    ("critic", "toy_projection_critic", ProjectionCritic),
    ("classifier", "toy_classifier_with_tail", ClassifierWithTail),
    ("operation", "toy_tail", tail),
    ("operation", "toy_average", average),
    ("operation", "toy_sum", total),
    ("loss", "toy_mixture_loss", mixture_loss),
    ("loss", "toy_mixture_likelihood", mixture_likelihood),
    ("loss", "toy_uniform", uniform),
    ("loss", "toy_hinge_generator", generator_loss),
    ("loss", "toy_hinge_critic", hinge_critic),
    ("loss", "toy_wasserstein_generator", generator_loss),
    ("loss", "toy_wasserstein_critic", wasserstein_critic),
]
"""Kind, name and component of each."""
