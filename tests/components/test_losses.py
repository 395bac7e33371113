"""The losses: values, gradients, reductions, degenerate batches and refused shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from semreg.components import losses
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian

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


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), shape=st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
def test_the_log_form_is_the_cross_entropy_of_real_and_fake(seed: int, shape: tuple[int, ...]) -> None:
    real, fake = pair(seed, shape)
    entropy = F.binary_cross_entropy_with_logits
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    torch.testing.assert_close(losses.adversarial_critic(real, fake), entropy(real, ones) + entropy(fake, zeros))
    torch.testing.assert_close(losses.adversarial_generator(fake), entropy(fake, ones))


@pytest.mark.parametrize(("form", "unsure"), [("log", 2 * math.log(2)), ("hinge", 2.0), ("wasserstein", 0.0)])
def test_a_critic_that_knows_nothing_and_one_that_knows(form: Any, unsure: float) -> None:
    nothing = torch.zeros(4, 1)
    assert float(losses.adversarial_critic(nothing, nothing, form=form)) == pytest.approx(unsure)
    knows = losses.adversarial_critic(torch.full((4, 1), 3.0), torch.full((7, 1), -3.0), form=form)
    assert knows < unsure


@pytest.mark.parametrize("form", ["log", "hinge", "wasserstein"])
def test_critic_and_generator_pull_the_score_of_fakes_opposite_ways(form: Any) -> None:
    real, fake = (torch.zeros(3, 1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    by_real, by_fake = torch.autograd.grad(losses.adversarial_critic(real, fake, form=form), (real, fake))
    (by_generator,) = torch.autograd.grad(losses.adversarial_generator(fake, form=form), fake)
    assert (by_real < 0).all()
    assert (by_fake > 0).all()
    assert (by_generator < 0).all()
    scores = torch.tensor([[0.3], [-0.7]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: losses.adversarial_critic(x, 2 * x, form=form), (scores,))


def test_an_empty_batch_of_scores_is_a_connected_zero() -> None:
    scores = torch.zeros(0, 1, requires_grad=True)
    loss = losses.adversarial_critic(scores, scores) + losses.adversarial_generator(scores)
    loss.backward()
    assert loss == 0


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 6), classes=st.integers(1, 6))
def test_uniform_cross_entropy_is_that_with_equal_shares_and_at_least_log_classes(
    seed: int, rows: int, classes: int
) -> None:
    logits, _ = pair(seed, (rows, classes))
    value = losses.uniform_cross_entropy(logits)
    shares = torch.full_like(logits, 1 / classes)
    torch.testing.assert_close(value, F.cross_entropy(logits, shares))
    assert value >= math.log(classes) - 1e-12
    torch.testing.assert_close(losses.uniform_cross_entropy(logits + 100), value)
    indifferent = losses.uniform_cross_entropy(torch.full_like(logits, 7.0))
    assert float(indifferent) == pytest.approx(math.log(classes))


def test_uniform_cross_entropy_has_right_gradients_and_stays_finite() -> None:
    logits = pair(0, (3, 4))[0].requires_grad_()
    assert torch.autograd.gradcheck(losses.uniform_cross_entropy, (logits,))
    sure = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = losses.uniform_cross_entropy(sure)
    value.backward()
    assert value == 1e4
    torch.testing.assert_close(sure.grad, torch.tensor([[0.5, -0.5]]))


def test_uniform_cross_entropy_of_an_empty_batch_and_of_shapes_that_do_not_fit() -> None:
    logits = torch.zeros(0, 3, requires_grad=True)
    value = losses.uniform_cross_entropy(logits)
    value.backward()
    assert value == 0
    assert logits.grad is not None
    for wrong in (torch.zeros(3), torch.zeros(3, 0), torch.zeros(2, 3, 4)):
        with pytest.raises(ValueError, match='"batch classes"'):
            losses.uniform_cross_entropy(wrong)


# --- labels that nobody knows ---


def masked(seed: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, targets, and which of these are known."""
    logits, targets = pair(seed, shape)
    generator = torch.Generator().manual_seed(seed + 1)
    return logits, targets, (torch.rand(shape, generator=generator) < 0.6).to(logits)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
def test_unknown_labels_count_nowhere(seed: int, shape: tuple[int, ...]) -> None:
    logits, targets, known = masked(seed, shape)
    elements = ELEMENTWISE["binary_cross_entropy"][1](logits, targets)
    seen = [float(one) for one, of in zip(elements.flatten(), known.flatten(), strict=True) if of]
    found = losses.binary_cross_entropy(logits, targets, known)
    assert float(found) == pytest.approx(sum(seen) / len(seen) if seen else 0.0, rel=1e-12)
    summed = losses.binary_cross_entropy(logits, targets, known, reduction="sum")
    assert float(summed) == pytest.approx(sum(seen) / len(logits), rel=1e-12)
    others = targets.where(known > 0, torch.nan)
    assert torch.equal(losses.binary_cross_entropy(logits, others, known), found), "whatever stands there"


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
def test_labels_that_all_are_known_are_as_without_saying_so(seed: int, shape: tuple[int, ...]) -> None:
    logits, targets = pair(seed, shape)
    for reduction in ("mean", "sum"):
        plain = losses.binary_cross_entropy(logits, targets, reduction=reduction)  # type: ignore[arg-type]
        said = losses.binary_cross_entropy(logits, targets, torch.ones(shape), reduction=reduction)  # type: ignore[arg-type]
        torch.testing.assert_close(said, plain)


def test_gradients_of_known_labels_are_right_and_none_flows_to_the_others() -> None:
    logits, targets, known = masked(3, (4, 5))
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda one: losses.binary_cross_entropy(one, targets, known), (logits,))
    losses.binary_cross_entropy(logits, targets, known).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, known > 0)


@pytest.mark.parametrize("shape", [(3, 2), (0, 2)])
def test_where_no_label_is_known_it_is_a_connected_zero(shape: tuple[int, int]) -> None:
    logits = torch.zeros(shape, requires_grad=True)
    value = losses.binary_cross_entropy(logits, torch.full(shape, torch.nan), torch.zeros(shape))
    value.backward()
    assert value == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_what_is_known_never_broadcasts() -> None:
    with pytest.raises(
        ValueError, match=r"binary_cross_entropy\(logits, targets, known\).*axis 1 differs, 3 against 1"
    ):
        losses.binary_cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 1))


MILLION = 10**6


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_million_numbers_in_float16_have_the_loss_that_they_have_in_float32(reduction: Any) -> None:
    a, b = pair(1, (10, MILLION // 10), torch.float32)
    for loss in (losses.l1, losses.l2, losses.binary_cross_entropy):
        low = loss(a.half(), b.half(), reduction=reduction)
        assert low.dtype == torch.float32
        torch.testing.assert_close(low, loss(a.half().float(), b.half().float(), reduction=reduction))
        assert low.isfinite()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (torch.tensor([0.0, 1.0]), "found float32"),
        (torch.tensor([math.nan, 1.0]), "found float32 with NaN"),
        (torch.tensor([True, False]), "found bool"),
        (torch.tensor([0, 3]), "3 classes, 0 to 2; found labels from 0 to 3"),
        (torch.tensor([-100, 1]), "found labels from -100 to 1"),  # which PyTorch would pass over
    ],
)
def test_cross_entropy_refuses_what_is_none_of_the_classes(classes: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=rf"cross_entropy\(logits, classes\): .*{message}"):
        losses.cross_entropy(torch.zeros(2, 3), classes)


def test_cross_entropy_takes_classes_of_every_integer_type() -> None:
    expected = losses.cross_entropy(torch.eye(3), torch.arange(3))
    for dtype in (torch.int32, torch.uint8):
        assert losses.cross_entropy(torch.eye(3), torch.arange(3, dtype=dtype)) == expected


@pytest.mark.parametrize(
    ("targets", "message"),
    [([[-1.0, 1.0]], "values from -1 to 1"), ([[0.0, 2.0]], "values from 0 to 2"), ([[math.nan, 0.0]], "NaN")],
)
def test_binary_targets_are_between_0_and_1(targets: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=rf"targets are in \[0, 1\]; found {message}"):
        losses.binary_cross_entropy(torch.zeros(1, 2), torch.tensor(targets))
    assert losses.binary_cross_entropy(torch.zeros(1, 2), torch.tensor([[True, False]])).isfinite()
    on_a_device = losses.binary_cross_entropy(torch.zeros(1, 2, device="meta"), torch.zeros(1, 2, device="meta"))
    assert on_a_device.device.type == "meta"  # where nothing is looked at
