"""The Gaussian-mixture prior: densities, draws and divergences by class or of the whole, and the floor."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_gmprior.prior import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.distributions import kl_divergence as divergence

from semreg.components.losses import kl_divergence
from semreg.components.operations import draw, draw_like
from semreg.core import DiagonalGaussian


def mixture(seed: int = 0, classes: int = 3, size: int = 4) -> GaussianMixture:
    prior = GaussianMixture(classes=classes, size=size).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.copy_(torch.randn(classes, size, generator=generator, dtype=torch.float64))
    return prior


def of_classes(prior: GaussianMixture, labels: Tensor) -> Normal:
    return Normal(prior.means.detach()[labels], (prior.log_variances.detach()[labels] / 2).exp())


sizes = {
    "seed": st.integers(0, 2**31),
    "rows": st.integers(1, 6),
    "classes": st.integers(1, 5),
    "size": st.integers(1, 5),
}


@settings(max_examples=50)
@given(**sizes)
def test_log_probability_is_that_of_torch_distributions(seed: int, rows: int, classes: int, size: int) -> None:
    prior = mixture(seed, classes, size)
    codes = 2 * torch.randn(rows, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    labels = torch.randint(classes, (rows,), generator=torch.Generator().manual_seed(seed))
    given_class = of_classes(prior, labels).log_prob(codes).sum(1)
    torch.testing.assert_close(prior.log_probability(codes, labels), given_class, check_dtype=True)
    components = Independent(of_classes(prior, torch.arange(classes)), 1)
    whole = MixtureSameFamily(Categorical(logits=torch.zeros(classes, dtype=torch.float64)), components)
    torch.testing.assert_close(prior.log_probability(codes), whole.log_prob(codes))


@settings(max_examples=50)
@given(**sizes)
def test_the_divergence_given_the_class_is_that_of_torch_distributions(
    seed: int, rows: int, classes: int, size: int
) -> None:
    prior = mixture(seed, classes, size)
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = (torch.randn(rows, size, dtype=torch.float64, generator=generator) for _ in range(2))
    labels = torch.randint(classes, (rows,), generator=generator)
    expected = divergence(Normal(mean, (log_variance / 2).exp()), of_classes(prior, labels))
    posterior = DiagonalGaussian(mean, log_variance)
    torch.testing.assert_close(prior.kl_divergence(posterior, labels), expected)
    torch.testing.assert_close(kl_divergence(posterior, prior, labels), expected.sum() / max(expected.numel(), 1))


def test_empty_batches_have_empty_densities() -> None:
    prior, codes, labels = mixture(), torch.zeros(0, 4).double(), torch.zeros(0, dtype=torch.int64)
    assert prior.log_probability(codes).shape == prior.log_probability(codes, labels).shape == (0,)
    assert prior.kl_divergence(DiagonalGaussian(codes, codes), labels).shape == (0, 4)


def test_draws_of_a_class_have_its_moments_and_follow_the_generator() -> None:
    prior = mixture(classes=2, size=3)
    labels = torch.arange(2).repeat(50_000)
    draws, again = (draw(prior, labels, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(draws, again)
    for label in range(2):
        known = of_classes(prior, torch.tensor(label))
        own = draws[labels == label]
        torch.testing.assert_close(
            (own.mean(0) - known.mean) / known.stddev, torch.zeros(3).double(), rtol=0, atol=0.03
        )
        torch.testing.assert_close(own.std(0), known.stddev, rtol=0.02, atol=0)


def test_draws_without_a_label_are_of_all_classes_alike() -> None:
    prior = GaussianMixture(classes=4, size=2)
    with torch.no_grad():
        prior.means.copy_(100 * torch.arange(4.0)[:, None].expand(4, 2))
    draws = draw_like(prior, torch.zeros(40_000, 7), generator=torch.Generator().manual_seed(1))
    classes = (draws[:, 0] / 100).round().long()
    torch.testing.assert_close(torch.bincount(classes) / 40_000, torch.full((4,), 0.25), rtol=0, atol=0.01)
    torch.testing.assert_close((draws - prior.means[classes]).std(), torch.tensor(1.0), rtol=0.02, atol=0)
    assert prior.sample(0).shape == (0, 2)


def test_gradients_flow_through_draws_of_a_class() -> None:
    prior = mixture()
    prior.sample(2, torch.tensor([1, 1])).sum().backward()
    assert prior.means.grad is not None
    torch.testing.assert_close(prior.means.grad[1], torch.full((4,), 2.0, dtype=torch.float64))
    assert (prior.means.grad[[0, 2]] == 0).all()


def test_a_variance_below_the_floor_counts_as_the_floor_and_can_rise_again() -> None:
    prior = GaussianMixture(classes=2, size=1, variance_floor=0.01)
    with torch.no_grad():
        prior.means.zero_()
        prior.log_variances.copy_(torch.tensor([[-50.0], [0.0]]))
    near, far = torch.zeros(1, 1), torch.ones(1, 1)
    found = prior.log_probability(near, torch.tensor([0]))
    torch.testing.assert_close(found, Normal(0.0, 0.1).log_prob(near[:, 0]))
    slopes = [
        torch.autograd.grad(-prior.log_probability(codes, torch.tensor([0])).sum(), prior.log_variances)[0]
        for codes in (near, far)
    ]
    assert slopes[0][0] == 0  # a code at the mean would have it narrower still
    torch.testing.assert_close(slopes[1][0], torch.tensor([0.5 - 0.5 * 100]))  # one far off has it rise


def test_it_says_once_which_variances_are_below_the_floor() -> None:
    prior = GaussianMixture(classes=3, size=2, variance_floor=0.01)
    assert prior.remarks() == []
    with torch.no_grad():
        prior.log_variances[1:, 0] = -50
    [said] = prior.remarks()
    assert "variances of class 1, 2 fell below variance_floor = 0.01" in said
    assert prior.remarks() == []


def test_above_the_floor_the_derivative_is_that_of_the_density() -> None:
    prior = mixture()
    codes, labels = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 2, 0])
    (slope,) = torch.autograd.grad(prior.log_probability(codes, labels).sum(), prior.log_variances)
    squared = (codes - prior.means[labels]).square() / prior.log_variances[labels].exp()
    expected = torch.zeros_like(slope).index_add(0, labels, (squared - 1) / 2)
    torch.testing.assert_close(slope, expected)


def test_its_parameters_are_its_checkpoint() -> None:
    prior, other = mixture(0), mixture(1)
    assert set(prior.state_dict()) == {"means", "log_variances"} == {name for name, _ in prior.named_parameters()}
    other.load_state_dict(prior.state_dict())
    codes = torch.zeros(2, 4, dtype=torch.float64)
    assert torch.equal(prior.log_probability(codes), other.log_probability(codes))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((torch.tensor([0, 3]),), "gaussian_mixture.*there are 3 classes, 0 to 2; found labels from 0 to 3"),
        ((torch.tensor([0]),), "one class for each of 2 rows"),
        ((torch.tensor([0.0, 1.0]),), "labels are classes"),
        ((torch.tensor([0, 1]), torch.tensor([0, 1])), "takes one label, the class; found 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: tuple[Tensor, ...], message: str) -> None:
    prior, codes = mixture(), torch.zeros(2, 4, dtype=torch.float64)
    for call in (
        lambda: prior.log_probability(codes, *labels),
        lambda: prior.sample(2, *labels),
        lambda: prior.kl_divergence(DiagonalGaussian(codes, codes), *labels),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_other_sizes_and_a_divergence_without_a_label_are_refused() -> None:
    prior = mixture()
    with pytest.raises(ValueError, match=r'"batch 4", found \(2, 5\): its size is 4'):
        prior.log_probability(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="has no closed form; give the label"):
        prior.kl_divergence(DiagonalGaussian(torch.zeros(2, 4), torch.zeros(2, 4)))
