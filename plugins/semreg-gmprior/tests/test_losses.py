"""The losses with the prior itself, as recipes call them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_gmprior.functional import gaussian_mixture_loss, mixture_log_likelihood, mixture_total_moments
from semreg_gmprior.losses import gm, lkd, lkd_unlabelled
from semreg_gmprior.prior import GaussianMixture
from torch import nn
from torch.distributions import Independent, Normal

from semreg.components.priors import StandardNormal

CODES = torch.tensor([[0.5, -1.0], [2.0, 0.3], [0.1, 0.2]])
LABELS = torch.tensor([0, 2, 2])


def test_they_are_the_functions_of_the_priors_parameters() -> None:
    prior = GaussianMixture(classes=3, size=2)
    expected = gaussian_mixture_loss(CODES, LABELS, prior.means, prior.log_variances, likelihood=0.3, margin=0.5)
    assert torch.equal(gm(CODES, LABELS, prior, likelihood=0.3, margin=0.5), expected)
    likelihood = mixture_log_likelihood(CODES, LABELS, prior.means, prior.log_variances)
    torch.testing.assert_close(lkd(CODES, LABELS, prior), -likelihood.mean())


def test_both_see_the_floor() -> None:
    prior, floored = GaussianMixture(classes=3, size=2), GaussianMixture(classes=3, size=2, variance_floor=0.5)
    with torch.no_grad():
        floored.means.copy_(prior.means)
        prior.log_variances.fill_(0.5).log_()
        floored.log_variances.fill_(-30)
    torch.testing.assert_close(gm(CODES, LABELS, floored), gm(CODES, LABELS, prior))
    torch.testing.assert_close(lkd(CODES, LABELS, floored), lkd(CODES, LABELS, prior))


def test_the_likelihood_suits_any_prior() -> None:
    torch.testing.assert_close(
        lkd(CODES, LABELS, StandardNormal(size=2)), -StandardNormal(size=2).log_probability(CODES).mean()
    )


def test_empty_batches_are_connected_zeros() -> None:
    codes = torch.zeros(0, 2, requires_grad=True)
    loss = gm(codes, LABELS[:0], GaussianMixture(classes=3, size=2)) + lkd(
        codes, LABELS[:0], GaussianMixture(classes=3, size=2)
    )
    loss.backward()
    assert loss == 0
    assert codes.grad is not None


def test_what_is_no_mixture_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a gaussian_mixture as its prior, found a StandardNormal"):
        gm(CODES, LABELS, StandardNormal(size=2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a prior with log_probability, found a Identity"):
        lkd(CODES, LABELS, nn.Identity())  # type: ignore[arg-type]


def test_unlabelled_codes_of_known_classes_follow_the_mixture() -> None:
    prior = GaussianMixture(classes=3, size=2)
    torch.testing.assert_close(lkd_unlabelled(CODES, prior, classes="known"), -prior.log_probability(CODES).mean())


def test_unlabelled_codes_of_unknown_classes_follow_its_total_moments() -> None:
    prior = GaussianMixture(classes=3, size=2)
    mean, variance = mixture_total_moments(prior.means, prior.log_variances.exp())
    expected = -Independent(Normal(mean, variance.sqrt()), 1).log_prob(CODES).mean()
    torch.testing.assert_close(lkd_unlabelled(CODES, prior), expected)


@pytest.mark.parametrize("classes", ["known", "unknown"])
def test_unlabelled_codes_move_towards_the_prior_also_from_an_empty_batch(classes: Any) -> None:
    prior = GaussianMixture(classes=3, size=2)
    codes = torch.full((4, 2), 50.0, requires_grad=True)
    lkd_unlabelled(codes, prior, classes=classes).backward()
    assert codes.grad is not None
    assert (codes.grad > 0).all()
    none = torch.zeros(0, 2, requires_grad=True)
    loss = lkd_unlabelled(none, prior, classes=classes)
    loss.backward()
    assert loss == 0
    assert none.grad is not None


@pytest.mark.parametrize("classes", ["known", "unknown"])
def test_unlabelled_codes_that_do_not_fit_are_refused(classes: Any) -> None:
    with pytest.raises(ValueError, match="size is 2"):
        lkd_unlabelled(torch.zeros(4, 1), GaussianMixture(classes=3, size=2), classes=classes)
    with pytest.raises(ValueError, match=r"lkd_unlabelled\(codes, prior\) needs a gaussian_mixture"):
        lkd_unlabelled(CODES, StandardNormal(size=2), classes=classes)  # type: ignore[arg-type]
