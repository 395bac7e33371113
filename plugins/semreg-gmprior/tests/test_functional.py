"""The GM loss and its parts: against plain references, under invariances, far away and on degenerate batches."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_gmprior.functional import (
    class_variances,
    gaussian_mixture_loss,
    mixture_log_densities,
    mixture_log_likelihood,
    mixture_total_moments,
)
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal


class Case(NamedTuple):
    codes: Tensor
    labels: Tensor
    means: Tensor
    log_variances: Tensor


@st.composite
def cases(draw: st.DrawFn, least_rows: int = 1) -> Case:
    rows, classes, size = draw(st.integers(least_rows, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    return case(draw(st.integers(0, 2**31)), rows, classes, size, spread=draw(st.sampled_from([0.1, 1.0, 10.0])))


def case(seed: int = 0, rows: int = 5, classes: int = 3, size: int = 4, spread: float = 1.0) -> Case:
    generator = torch.Generator().manual_seed(seed)
    codes, means, log_variances = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((rows, size), (classes, size), (classes, size))
    )
    return Case(spread * codes, torch.randint(classes, (rows,), generator=generator), spread * means, log_variances)


def reference(it: Case, likelihood: float, margin: float) -> Tensor:
    """Eq. 7–9 one code and one class at a time."""
    total = it.codes.new_zeros(())
    for code, label in zip(it.codes, it.labels.tolist(), strict=True):
        densities, distances = [], []
        for mean, log_variance in zip(it.means, it.log_variances, strict=True):
            densities.append(Normal(mean, (log_variance / 2).exp()).log_prob(code).sum())
            distances.append(((code - mean) ** 2 / log_variance.exp()).sum() / 2)
        joint = [d - margin * distances[c] if c == label else d for c, d in enumerate(densities)]
        total = total - (joint[label] - torch.stack(joint).logsumexp(0)) - likelihood * densities[label]
    return total / len(it.codes)


@settings(max_examples=60)
@given(it=cases(), likelihood=st.floats(0, 2), margin=st.sampled_from([0.0, 0.3, 1.0]))
def test_value_and_gradients_are_those_of_the_plain_formula(it: Case, likelihood: float, margin: float) -> None:
    leaves = [x.clone().requires_grad_() for x in (it.codes, it.means, it.log_variances)]
    codes, means, log_variances = leaves
    it = Case(codes, it.labels, means, log_variances)
    loss = gaussian_mixture_loss(*it, likelihood=likelihood, margin=margin)
    expected = reference(it, likelihood, margin)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    for found, wanted in zip(torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_gradcheck(margin: float) -> None:
    it = case()
    leaves = tuple(x.requires_grad_() for x in (it.codes, it.means, it.log_variances))
    assert torch.autograd.gradcheck(
        lambda codes, means, log_variances: gaussian_mixture_loss(
            codes, it.labels, means, log_variances, likelihood=0.1, margin=margin
        ),
        leaves,
    )


@given(it=cases())
def test_densities_are_those_of_torch_distributions(it: Case) -> None:
    components = Independent(Normal(it.means, (it.log_variances / 2).exp()), 1)
    densities = mixture_log_densities(it.codes, it.means, it.log_variances)
    own = mixture_log_likelihood(*it)
    torch.testing.assert_close(densities, components.log_prob(it.codes[:, None]), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(own, densities[torch.arange(len(own)), it.labels], rtol=1e-9, atol=1e-9)
    whole = MixtureSameFamily(Categorical(logits=torch.zeros(len(it.means), dtype=torch.float64)), components)
    marginal = densities.logsumexp(1) - math.log(len(it.means))
    torch.testing.assert_close(marginal, whole.log_prob(it.codes), rtol=1e-9, atol=1e-9)


@given(it=cases())
def test_it_is_the_cross_entropy_of_the_joint_density_plus_a_share_of_the_likelihood(it: Case) -> None:
    classification = gaussian_mixture_loss(*it, likelihood=0)
    densities = mixture_log_densities(it.codes, it.means, it.log_variances)
    torch.testing.assert_close(classification, F.cross_entropy(densities, it.labels), rtol=1e-9, atol=1e-9)
    whole = gaussian_mixture_loss(*it, likelihood=0.1)
    torch.testing.assert_close(whole, classification - 0.1 * mixture_log_likelihood(*it).mean())


@given(it=cases(least_rows=2), seed=st.integers(0, 2**31))
def test_the_order_of_the_batch_and_of_the_classes_does_not_matter(it: Case, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(it.codes), generator=generator)
    classes = torch.randperm(len(it.means), generator=generator)
    renamed = classes.argsort()[it.labels]  # class c stands at the place where classes is c
    loss = gaussian_mixture_loss(*it, margin=0.2)
    shuffled = gaussian_mixture_loss(it.codes[rows], it.labels[rows], it.means, it.log_variances, margin=0.2)
    other = gaussian_mixture_loss(it.codes, renamed, it.means[classes], it.log_variances[classes], margin=0.2)
    torch.testing.assert_close(shuffled, loss)
    torch.testing.assert_close(other, loss)


@given(it=cases(), shift=st.floats(-1e4, 1e4))
def test_a_common_translation_changes_nothing(it: Case, shift: float) -> None:
    moved = gaussian_mixture_loss(it.codes + shift, it.labels, it.means + shift, it.log_variances, margin=0.2)
    torch.testing.assert_close(moved, gaussian_mixture_loss(*it, margin=0.2), rtol=1e-6, atol=1e-8)


@given(it=cases(), scale=st.floats(0.01, 100))
def test_a_common_scale_leaves_the_classification(it: Case, scale: float) -> None:
    scaled = gaussian_mixture_loss(
        it.codes * scale, it.labels, it.means * scale, it.log_variances + 2 * math.log(scale), likelihood=0, margin=0.2
    )
    expected = gaussian_mixture_loss(*it, likelihood=0, margin=0.2)
    torch.testing.assert_close(scaled, expected, rtol=1e-7, atol=1e-9)


@given(it=cases(), margins=st.tuples(st.floats(0, 3), st.floats(0, 3)))
def test_a_greater_margin_never_makes_the_loss_smaller(it: Case, margins: tuple[float, float]) -> None:
    less, more = (gaussian_mixture_loss(*it, margin=margin) for margin in sorted(margins))
    assert more >= less - 1e-9 * less.abs()


@given(it=cases(), margin=st.floats(0, 2))
def test_bounds(it: Case, margin: float) -> None:
    assert gaussian_mixture_loss(*it, likelihood=0, margin=margin) >= 0
    peak = -0.5 * (math.log(2 * math.pi) + it.log_variances).sum(1)
    assert (mixture_log_likelihood(*it) <= peak[it.labels]).all()
    assert (mixture_log_densities(it.codes, it.means, it.log_variances) <= peak).all()


def test_one_class_has_nothing_to_classify() -> None:
    it = case(classes=1)
    assert gaussian_mixture_loss(*it, likelihood=0) == 0
    torch.testing.assert_close(gaussian_mixture_loss(*it, likelihood=1), -mixture_log_likelihood(*it).mean())


def test_equal_classes_cannot_be_told_apart() -> None:
    it = case(classes=4)
    means, log_variances = (x[:1].expand(4, -1) for x in (it.means, it.log_variances))
    loss = gaussian_mixture_loss(it.codes, it.labels, means, log_variances, likelihood=0)
    torch.testing.assert_close(float(loss), math.log(4))


def test_identical_codes_at_their_mean_have_a_finite_gradient() -> None:
    it = case(rows=6)
    codes = it.means[:1].expand(6, -1).clone().requires_grad_()
    loss = gaussian_mixture_loss(codes, torch.zeros(6, dtype=torch.int64), it.means, it.log_variances)
    (slope,) = torch.autograd.grad(loss, codes)
    assert loss.isfinite()
    assert slope.isfinite().all()
    torch.testing.assert_close(slope, slope[:1].expand(6, -1))


@pytest.mark.parametrize("distance", [1e4, 1e8, 1e15])
def test_far_codes_stay_finite(distance: float) -> None:
    codes = (distance * torch.tensor([[1.0, -1.0], [0.3, 1.0]])).requires_grad_()
    means = torch.tensor([[0.0, 0.0], [1.0, 2.0]], requires_grad=True)
    log_variances = torch.zeros(2, 2, requires_grad=True)
    loss = gaussian_mixture_loss(codes, torch.tensor([0, 1]), means, log_variances)
    loss.backward()
    assert loss.isfinite()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (codes, means, log_variances))
    squared = (codes.detach().double() - means.detach().double()).square().sum(1)
    own = mixture_log_likelihood(codes, torch.tensor([0, 1]), means, log_variances)
    torch.testing.assert_close(own.double(), -0.5 * squared - math.log(2 * math.pi), rtol=1e-6, atol=0)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), offset=st.floats(0, 1e3), deviation=st.floats(1e-2, 1))
def test_tight_variances_far_from_the_origin_stay_within_the_stated_tolerance(
    seed: int, offset: float, deviation: float
) -> None:
    it = case(seed, rows=8, classes=4, size=5)
    means = it.means + offset * torch.tensor([1.0, 1.0, -1.0, 2.0], dtype=torch.float64)[:, None]
    codes = means[it.labels] + deviation * it.codes
    log_variances = torch.full_like(means, 2 * math.log(deviation))
    found = mixture_log_densities(codes, means, log_variances)
    exact = Normal(means, deviation).log_prob(codes[:, None]).sum(-1)
    reach = float(max((x - means.mean(0)).abs().max() for x in (codes, means)))
    tolerance = 1e-15 * (reach / deviation) ** 2 * codes.shape[1]
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=10 * tolerance)
    own = mixture_log_likelihood(codes, it.labels, means, log_variances)
    torch.testing.assert_close(own, exact[torch.arange(8), it.labels], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_float32_codes_lose_no_digits_of_their_own(dtype: torch.dtype) -> None:
    it = case(rows=16, classes=8, size=12)
    low = Case(it.codes.to(dtype), it.labels, (it.means + 100).float(), it.log_variances.float())
    loss = gaussian_mixture_loss(*low)
    exact = gaussian_mixture_loss(low.codes.double(), low.labels, low.means.double(), low.log_variances.double())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), exact, rtol=1e-7, atol=0)


def test_an_empty_batch_is_a_connected_zero() -> None:
    it = case(rows=0)
    leaves = [x.requires_grad_() for x in (it.codes, it.means, it.log_variances)]
    loss = gaussian_mixture_loss(*it)
    slopes = torch.autograd.grad(loss, leaves)
    assert loss == 0
    assert all((slope == 0).all() for slope in slopes)
    assert mixture_log_likelihood(*it).shape == (0,)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_of_one_image_or_one_class(rows: int) -> None:
    it = case(rows=rows)
    labels = torch.full((rows,), 2)
    codes = it.codes.requires_grad_()
    (slope,) = torch.autograd.grad(gaussian_mixture_loss(codes, labels, it.means, it.log_variances), codes)
    assert slope.isfinite().all()
    assert (slope != 0).any()


def test_memory_is_not_that_of_all_differences() -> None:
    it = case(rows=64, classes=50, size=40)
    sizes: list[int] = []

    def saved(x: Tensor) -> Tensor:
        sizes.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(saved, lambda x: x):
        gaussian_mixture_loss(it.codes.requires_grad_(), it.labels, it.means.requires_grad_(), it.log_variances)
    assert max(sizes) <= 64 * 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.tensor([0, 1, 3, 0, 0])}, "there are 3 classes, 0 to 2; found labels from 0 to 3"),
        ({"labels": torch.tensor([0, -1, 2, 0, 0])}, "found labels from -1 to 2"),
        ({"labels": torch.zeros(4, dtype=torch.int64)}, "one class for each of 5 rows"),
        ({"labels": torch.zeros(5)}, "labels are classes, int64, found float32"),
        ({"codes": torch.zeros(5, 3)}, r"found \(5, 3\), \(3, 4\), \(3, 4\): codes and classes are of one size"),
        ({"codes": torch.zeros(5)}, "codes and classes are of one size"),
        ({"log_variances": torch.zeros(4)}, "codes and classes are of one size"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Tensor], message: str) -> None:
    it = case()._replace(**change)
    with pytest.raises(ValueError, match=message):
        gaussian_mixture_loss(*it)
    with pytest.raises(ValueError, match=message):
        mixture_log_likelihood(*it)


@pytest.mark.parametrize("options", [{"likelihood": -0.1}, {"margin": -1.0}, {"margin": math.nan}])
def test_negative_weights_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="likelihood and margin are at least 0"):
        gaussian_mixture_loss(*case(), **options)


@given(it=cases(), seed=st.integers(0, 2**31), weighted=st.booleans())
def test_total_moments_are_those_of_the_plain_formula(it: Case, seed: int, weighted: bool) -> None:
    count = len(it.means)
    weights = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.01
    share = weights / weights.sum() if weighted else torch.full((count,), 1 / count, dtype=torch.float64)
    variances = it.log_variances.exp()
    mean, variance = mixture_total_moments(it.means, variances, weights if weighted else None)
    torch.testing.assert_close(mean, share @ it.means)
    plain = share @ variances + share @ it.means.square() - (share @ it.means).square()
    torch.testing.assert_close(variance, plain, rtol=1e-9, atol=1e-9)
    components = Independent(Normal(it.means, variances.sqrt()), 1)
    known = MixtureSameFamily(Categorical(probs=share), components)
    torch.testing.assert_close(variance, known.variance)


def test_total_variance_keeps_its_digits_far_from_the_origin() -> None:
    means = torch.tensor([[1e4 - 1], [1e4 + 1]])
    mean, variance = mixture_total_moments(means, torch.full((2, 1), 1e-3))
    assert mean == 1e4
    torch.testing.assert_close(variance, torch.tensor([1.001]))  # Eq. 11 as written gives 0 or 8 in float32


def test_total_moments_are_those_of_a_million_draws() -> None:
    it = case(seed=3, classes=3, size=2)
    weights = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    classes = torch.multinomial(weights, 1_000_000, replacement=True, generator=generator)
    noise = torch.randn(1_000_000, 2, generator=generator, dtype=torch.float64)
    draws = it.means[classes] + (it.log_variances / 2).exp()[classes] * noise
    mean, variance = mixture_total_moments(it.means, it.log_variances.exp(), weights)
    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=5 * float(variance.max().sqrt()) / 1000)
    torch.testing.assert_close(draws.var(0), variance, rtol=0.01, atol=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.tensor([1.0, -1.0, 2.0]), "weights are at least 0 and not all 0"),
        (torch.zeros(3), "weights are at least 0 and not all 0"),
        (torch.tensor([1.0, math.nan, 1.0]), "weights are at least 0 and not all 0"),
        (torch.ones(2), "one weight for each class"),
    ],
)
def test_weights_that_are_no_shares_are_refused(weights: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mixture_total_moments(torch.zeros(3, 2), torch.ones(3, 2), weights)


def test_moments_of_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one row for each class"):
        mixture_total_moments(torch.zeros(3, 2), torch.ones(2))
    with pytest.raises(ValueError, match="one row for each class"):
        mixture_total_moments(torch.zeros(0, 2), torch.ones(0, 2))


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 9), size=st.integers(1, 3), shift=st.floats(-1e3, 1e3))
def test_variances_within_classes_are_those_of_the_rows_of_each(seed: int, rows: int, size: int, shift: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(rows, size, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (rows,), generator=generator)
    found = class_variances(codes + shift, labels, 3)
    for label in range(3):
        own = codes[labels == label]
        expected = own.var(0) if len(own) > 1 else torch.full((size,), math.nan, dtype=torch.float64)
        torch.testing.assert_close(found[label], expected, equal_nan=True, atol=1e-8, rtol=1e-8)


def test_variances_of_what_does_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="a code is a vector"):
        class_variances(torch.zeros(3), torch.zeros(3, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match="there are 2 classes"):
        class_variances(torch.zeros(3, 1), torch.tensor([0, 1, 2]), 2)
