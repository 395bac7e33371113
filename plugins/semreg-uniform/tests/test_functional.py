"""Uniform posteriors, shuffling, the gradient penalty, the Hopkins statistic and mixtures: what they promise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_uniform.functional import (
    disentanglement_loss,
    gradient_penalty,
    hopkins_statistic,
    mix_codes,
    shuffle_codes,
)
from torch import Tensor, nn

seeds = st.integers(0, 2**31)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


# --- Eq. 4 ---

classes = st.lists(st.integers(2, 9), min_size=1, max_size=4)


@given(seed=seeds, counts=classes, rows=st.integers(1, 5), spread=st.sampled_from([1e-3, 1.0, 30.0]))
def test_disentanglement_is_the_plain_formula(seed: int, counts: list[int], rows: int, spread: float) -> None:
    logits = [spread * normal(seed + index, rows, count) for index, count in enumerate(counts)]
    expected = 0.0
    for one in logits:
        for row in one.tolist():
            top = max(row)
            normaliser = top + math.log(sum(math.exp(value - top) for value in row))
            expected -= sum((value - normaliser) / len(row) for value in row) / (rows * len(counts))
    assert float(disentanglement_loss(logits)) == pytest.approx(expected, rel=1e-9)


@given(seed=seeds, counts=classes, rows=st.integers(1, 5), level=st.floats(-50, 50))
def test_it_is_least_exactly_where_every_posterior_is_uniform(
    seed: int, counts: list[int], rows: int, level: float
) -> None:
    least = sum(map(math.log, counts)) / len(counts)
    flat = [torch.full((rows, count), level, dtype=torch.float64, requires_grad=True) for count in counts]
    loss = disentanglement_loss(flat)
    assert loss.item() == pytest.approx(least, rel=1e-12)
    for gradient in torch.autograd.grad(loss, flat):
        assert float(gradient.abs().max()) < 1e-12
    tilted = [one.detach().clone() for one in flat]
    tilted[seed % len(counts)][seed % rows, 0] += 0.5
    assert float(disentanglement_loss(tilted)) > least + 1e-4


def test_disentanglement_gradcheck_and_an_empty_batch() -> None:
    leaves = tuple(normal(index, 3, 2 + index).requires_grad_() for index in range(3))
    assert torch.autograd.gradcheck(lambda *logits: disentanglement_loss(logits), leaves)
    empty = torch.zeros(0, 3, requires_grad=True)
    loss = disentanglement_loss([empty])
    assert loss.item() == 0
    loss.backward()


def test_disentanglement_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one other attribute's classifier"):
        disentanglement_loss([])
    with pytest.raises(ValueError, match=r'"batch classes", found \(3,\)'):
        disentanglement_loss([torch.zeros(3)])


# --- Eq. 5 ---


@given(seed=seeds, rows=st.integers(1, 8), attributes=st.integers(0, 4))
def test_shuffling_permutes_each_attribute_and_labels_follow(seed: int, rows: int, attributes: int) -> None:
    labels = torch.arange(rows)
    codes = [(labels[:, None, None] + 100.0 * index).expand(-1, 2, 3) for index in range(attributes + 1)]
    shuffled, orders = shuffle_codes(codes, generator=seeded(seed))
    assert shuffled[0] is codes[0]
    assert len(orders) == attributes
    for index, order in enumerate(orders, 1):
        assert order.sort().values.equal(labels)
        assert shuffled[index].shape == codes[index].shape
        assert (shuffled[index][:, 0, 0] - 100 * index).long().equal(labels[order])


def test_attributes_are_shuffled_independently_and_by_the_generator_alone() -> None:
    codes = [torch.arange(50)] * 3
    (_, one, two), _ = shuffle_codes(codes, generator=seeded(0))
    assert not one.equal(two)
    (_, again, _), _ = shuffle_codes(codes, generator=seeded(0))
    assert again.equal(one)
    (_, other, _), _ = shuffle_codes(codes, generator=seeded(1))
    assert not other.equal(one)


def test_codes_that_make_no_batch_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one batch size, found \[2, 3\]"):
        shuffle_codes([torch.zeros(2, 1), torch.zeros(3, 1)])
    with pytest.raises(ValueError, match="no codes"):
        shuffle_codes([])


# --- Eq. 9 ---


@given(seed=seeds, rows=st.integers(1, 5), size=st.integers(1, 3), scale=st.floats(0, 4))
def test_the_penalty_of_a_linear_critic_has_a_closed_form(seed: int, rows: int, size: int, scale: float) -> None:
    slope = scale * normal(seed, 2, size, size)
    real, fake = normal(seed + 1, rows, 2, size, size), normal(seed + 2, rows, 2, size, size)
    found = gradient_penalty(lambda images: (images * slope).sum((1, 2, 3)) + 7, real, fake, generator=seeded(seed))
    assert float(found) == pytest.approx((float(slope.norm()) - 1) ** 2, abs=1e-9)


def test_its_points_lie_on_the_straight_lines_one_for_each_pair() -> None:
    points: list[Tensor] = []
    real, fake = normal(0, 5, 1, 4, 4), normal(1, 5, 1, 4, 4)
    gradient_penalty(
        lambda images: points.append(images.detach()) or images.sum((1, 2, 3)), real, fake, generator=seeded(0)
    )
    [shares] = [((between - fake) / (real - fake)).flatten(1) for between in points]
    torch.testing.assert_close(shares, shares[:, :1].expand_as(shares))
    assert len(shares[:, 0].unique()) == 5
    assert 0 <= float(shares.min()) < float(shares.max()) <= 1


def test_the_penalty_of_a_quadratic_critic_is_that_at_points_between() -> None:
    real, fake = torch.full((400, 1), 3.0), torch.full((400, 1), 1.0)  # of D = x²/2: the mean of (x − 1)² on [1, 3]
    found = gradient_penalty(lambda images: images.square() / 2, real, fake, generator=seeded(0))
    assert found.item() == pytest.approx(4 / 3, rel=0.1)


def test_the_penalty_reaches_the_critic_alone_and_also_where_gradients_are_off() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.LeakyReLU(), nn.Linear(3, 2)).double()
    real, fake = normal(0, 3, 1, 2, 2).requires_grad_(), normal(1, 3, 1, 2, 2).requires_grad_()
    loss = gradient_penalty(critic, real, fake, generator=seeded(0))
    slopes = torch.autograd.grad(loss, [critic[1].weight, critic[3].weight], retain_graph=True)
    assert all(float(slope.abs().sum()) > 0 for slope in slopes)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(loss, [real, fake])
    with torch.no_grad():
        assert float(gradient_penalty(critic, real, fake, generator=seeded(0))) == pytest.approx(float(loss))


def test_the_penalty_has_the_right_gradient() -> None:
    def penalty(weight: Tensor) -> Tensor:
        return gradient_penalty(lambda x: torch.tanh(x @ weight), normal(0, 4, 3), normal(1, 4, 3), generator=seeded(0))

    assert torch.autograd.gradcheck(penalty, (normal(2, 3, 2).requires_grad_(),))


def test_a_flat_critic_and_an_empty_batch_are_finite_and_connected() -> None:
    weight = torch.zeros(2, 1, requires_grad=True)
    for rows, expected in ((3, 1.0), (0, 0.0)):
        loss = gradient_penalty(lambda images: images @ weight, torch.zeros(rows, 2), torch.ones(rows, 2))
        assert loss.item() == expected
        [slope] = torch.autograd.grad(loss, weight)
        assert slope.isfinite().all()


def test_images_that_are_not_of_one_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gradient_penalty\(critic, real, fake\).*axis 0 differs, 2 against 3"):
        gradient_penalty(nn.Identity(), torch.zeros(2, 1), torch.zeros(3, 1))


# --- the Hopkins statistic ---


def reference(points: Tensor, places: Tensor, drawn: list[int], exponent: float) -> float:
    u = [min(math.dist(place, point) for point in points.tolist()) ** exponent for place in places.tolist()]
    w = [
        min(math.dist(points[i].tolist(), other) for j, other in enumerate(points.tolist()) if j != i) ** exponent
        for i in drawn
    ]
    return sum(u) / (sum(u) + sum(w))


@given(
    seed=seeds,
    count=st.integers(2, 30),
    dimensions=st.integers(1, 4),
    exponent=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    share=st.sampled_from([None, 0.5, 1.0]),
)
def test_hopkins_is_the_plain_formula(
    seed: int, count: int, dimensions: int, exponent: float, share: float | None
) -> None:
    points = normal(seed, count, dimensions)
    low, high = points.amin(0), points.amax(0)
    sample = None if share is None else int(share * count)
    draws = max(1, round(count / 10)) if sample is None else sample
    generator = seeded(seed)
    places = low + torch.rand(draws, dimensions, generator=generator, dtype=torch.float64) * (high - low)
    drawn = torch.randperm(count, generator=generator)[:draws].tolist()
    found = hopkins_statistic(points, sample=sample, exponent=exponent, generator=seeded(seed))
    assert found.dtype == torch.float64
    assert float(found) == pytest.approx(reference(points, places, drawn, exponent), rel=1e-9)


def test_uniform_points_in_a_known_box_give_a_half() -> None:
    box = (torch.zeros(2), torch.tensor([1.0, 5.0]))
    found = [
        float(hopkins_statistic(torch.rand(500, 2, generator=g) * box[1], sample=100, box=box, generator=g))
        for g in map(seeded, range(10))
    ]
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_tight_clusters_give_more_than_three_quarters(exponent: float) -> None:
    centres = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).repeat(50, 1)
    points = centres + 0.02 * torch.randn(200, 2, generator=seeded(0))
    assert float(hopkins_statistic(points, exponent=exponent, generator=seeded(1))) > 0.75


def test_a_structureless_gaussian_in_eight_dimensions_gives_two_thirds() -> None:
    found = [float(hopkins_statistic(torch.randn(500, 8, generator=g), generator=g)) for g in map(seeded, range(40))]
    assert sum(found) / len(found) == pytest.approx(0.66, abs=0.015)


@given(seed=seeds, scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100), exponent=st.sampled_from([1.0, 3.0]))
def test_shift_and_one_scale_for_all_axes_change_nothing(
    seed: int, scale: float, shift: float, exponent: float
) -> None:
    points = normal(seed, 30, 3)
    before, after = (
        float(hopkins_statistic(those, exponent=exponent, generator=seeded(seed)))
        for those in (points, scale * points + scale * shift)
    )
    assert after == pytest.approx(before, abs=1e-6)
    assert 0 <= before <= 1


def test_high_exponents_do_not_overflow_and_equal_points_say_nothing() -> None:
    assert 0 < float(hopkins_statistic(1e6 * normal(0, 40, 512), exponent=512.0, generator=seeded(0))) <= 1
    assert float(hopkins_statistic(torch.ones(5, 2))) == 0.5


def test_unfit_points_are_refused() -> None:
    with pytest.raises(ValueError, match="a nearest neighbour needs at least two points"):
        hopkins_statistic(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="sample is 4, and there are 3 points"):
        hopkins_statistic(torch.zeros(3, 2), sample=4)
    with pytest.raises(ValueError, match=r"found \(3, 2\), \(3,\), \(3,\): the box has a lower and an upper corner"):
        hopkins_statistic(torch.zeros(3, 2), box=(torch.zeros(3), torch.ones(3)))


# --- Eq. 11 and 12 ---


@given(seed=seeds, count=st.integers(1, 4), rows=st.integers(1, 4))
def test_mixtures_are_the_weighted_sums_and_stay_between(seed: int, count: int, rows: int) -> None:
    codes = normal(seed, count, 2, 3)
    weights = torch.softmax(normal(seed + 1, rows, count), dim=1)
    found = mix_codes(codes, weights)
    assert found.shape == (rows, 2, 3)
    for row, mixed in zip(weights, found, strict=True):
        torch.testing.assert_close(mixed, sum(w * code for w, code in zip(row, codes, strict=True)))
    assert bool((found <= codes.amax(0) + 1e-9).all())
    assert bool((found >= codes.amin(0) - 1e-9).all())
    assert mix_codes(codes, torch.eye(count)).equal(codes)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[0.5, 0.501]], "must have sum 1"),
        ([[-0.5, 1.5]], "must not be negative"),
        ([[1.0]], "one weight in each row for each code"),
        ([0.5, 0.5], "one weight in each row for each code"),
    ],
)
def test_weights_that_mix_nothing_are_refused(weights: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mix_codes(torch.zeros(2, 3), torch.tensor(weights))
