"""The losses: values, gradients, reductions, degenerate batches and refused shapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from semreg.components import losses
from semreg.components.posteriors import DiagonalGaussian
from semreg.components.priors import StandardNormal

ELEMENTWISE: dict[str, tuple[Callable[..., Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "l1": (losses.l1, lambda a, b: (a - b).abs()),
    "l2": (losses.l2, lambda a, b: (a - b).square()),
    "binary_cross_entropy": (
        losses.binary_cross_entropy,
        lambda a, b: -(b * torch.sigmoid(a).log() + (1 - b) * torch.sigmoid(-a).log()),
    ),
}
each_loss = pytest.mark.parametrize("name", ELEMENTWISE)


def pair(seed: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Numbers of any sign, and numbers in [0, 1] as targets."""
    generator = torch.Generator().manual_seed(seed)
    a = 3 * torch.randn(shape, generator=generator, dtype=dtype)
    return a, torch.rand(shape, generator=generator, dtype=dtype)


@each_loss
@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), shape=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple))
def test_reductions_are_the_means_and_sums_of_the_definition(name: str, seed: int, shape: tuple[int, ...]) -> None:
    loss, definition = ELEMENTWISE[name]
    a, b = pair(seed, shape)
    elements = definition(a, b)
    torch.testing.assert_close(loss(a, b), elements.mean())
    torch.testing.assert_close(loss(a, b, reduction="sum"), elements.reshape(len(a), -1).sum(1).mean())


@each_loss
def test_gradients_are_right(name: str) -> None:
    a, b = pair(0, (3, 4))
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: ELEMENTWISE[name][0](a, b), (a,))


@each_loss
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_an_empty_batch_gives_a_connected_zero(name: str, reduction: str) -> None:
    a = torch.zeros(0, 4, requires_grad=True)
    value = ELEMENTWISE[name][0](a, torch.zeros(0, 4), reduction=reduction)
    value.backward()
    assert value == 0
    assert a.grad is not None


@each_loss
def test_shapes_never_broadcast(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}\(.*axis 1 differs, 3 against 1"):
        ELEMENTWISE[name][0](torch.zeros(2, 3), torch.zeros(2, 1))


def test_binary_cross_entropy_stays_finite_and_takes_integer_targets() -> None:
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = losses.binary_cross_entropy(logits, torch.tensor([[0, 1]]))
    assert value == 1e4
    value.backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[0.5, -0.5]]))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 6), classes=st.integers(1, 6), smoothing=st.floats(0, 0.9))
def test_cross_entropy_is_the_mean_over_the_batch(seed: int, rows: int, classes: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (rows,), generator=generator)
    targets = (1 - smoothing) * F.one_hot(labels, classes) + smoothing / classes
    expected = -(targets * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(losses.cross_entropy(logits, labels, label_smoothing=smoothing), expected)


def test_cross_entropy_of_an_empty_batch_and_of_shapes_that_do_not_fit() -> None:
    logits = torch.zeros(0, 3, requires_grad=True)
    value = losses.cross_entropy(logits, torch.zeros(0, dtype=torch.int64))
    value.backward()
    assert value == 0
    assert logits.grad is not None
    with pytest.raises(ValueError, match=r'"batch classes, batch", found \(4, 3\), \(4, 1\)'):
        losses.cross_entropy(torch.zeros(4, 3), torch.zeros(4, 1, dtype=torch.int64))


def test_kl_divergence_averages_or_sums_what_the_prior_gives() -> None:
    mean, log_variance = pair(0, (3, 4), torch.float32)
    posterior, prior = DiagonalGaussian(mean, log_variance), StandardNormal(size=4)
    elements = prior.kl_divergence(posterior)
    torch.testing.assert_close(losses.kl_divergence(posterior, prior), elements.mean())
    torch.testing.assert_close(losses.kl_divergence(posterior, prior, reduction="sum"), elements.sum(1).mean())


def test_kl_divergence_hands_labels_to_the_prior() -> None:
    class Shifted(torch.nn.Module):
        def kl_divergence(self, posterior: DiagonalGaussian, labels: Tensor) -> Tensor:
            return (posterior.mean - labels[:, None]).square()

    posterior = DiagonalGaussian(torch.ones(2, 3), torch.zeros(2, 3))
    assert losses.kl_divergence(posterior, Shifted(), torch.tensor([1, 3])) == 2.0  # type: ignore[arg-type]


def test_kl_divergence_of_an_empty_batch_and_without_closed_form() -> None:
    mean = torch.zeros(0, 4, requires_grad=True)
    value = losses.kl_divergence(DiagonalGaussian(mean, mean), StandardNormal(size=4))
    value.backward()
    assert value == 0
    assert mean.grad is not None
    with pytest.raises(ValueError, match="needs a prior with a method kl_divergence; found a Identity"):
        losses.kl_divergence(DiagonalGaussian(mean, mean), torch.nn.Identity())  # type: ignore[arg-type]
