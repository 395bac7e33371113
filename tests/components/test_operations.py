"""The operations of recipes: posteriors and their samples, permutations, rows, draws from priors."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from semreg.components import operations
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestPermutation:
    @given(seeds, st.integers(0, 12), st.booleans())
    def test_every_row_occurs_once(self, seed: int, rows: int, fixed_points: bool) -> None:
        order = operations.permutation(torch.zeros(rows, 2), fixed_points=fixed_points, generator=seeded(seed))
        assert order.dtype == torch.int64
        assert order.sort().values.tolist() == list(range(rows))

    @given(seeds, st.integers(2, 12))
    def test_without_fixed_points_no_row_keeps_its_place(self, seed: int, rows: int) -> None:
        order = operations.permutation(torch.zeros(rows, 2), fixed_points=False, generator=seeded(seed))
        assert not torch.any(order == torch.arange(rows))

    def test_with_fixed_points_rows_may_keep_their_place(self) -> None:
        orders = torch.stack([operations.permutation(torch.zeros(4), generator=seeded(seed)) for seed in range(200)])
        assert 0.15 < (orders == torch.arange(4)).float().mean() < 0.35

    def test_without_fixed_points_every_cycle_occurs(self) -> None:
        found = {
            tuple(operations.permutation(torch.zeros(4), fixed_points=False, generator=seeded(seed)).tolist())
            for seed in range(200)
        }
        assert len(found) == 6

    def test_a_batch_of_one_keeps_its_place(self) -> None:
        assert operations.permutation(torch.zeros(1), fixed_points=False).tolist() == [0]

    @given(seeds)
    def test_one_generator_state_is_one_draw(self, seed: int) -> None:
        draws = [operations.permutation(torch.zeros(9), fixed_points=False, generator=seeded(seed)) for _ in range(2)]
        assert torch.equal(*draws)


class TestPooled:
    @given(seeds, st.integers(0, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3))
    def test_it_is_the_mean_of_each_cell(self, seed: int, rows: int, cells: int, high: int, wide: int) -> None:
        code = torch.randn(rows, 2, cells * high, cells * wide, generator=seeded(seed), dtype=torch.float64)
        expected = [
            [
                channel[y * high : (y + 1) * high, x * wide : (x + 1) * wide].mean()
                for channel in maps
                for y in range(cells)
                for x in range(cells)
            ]
            for maps in code
        ]
        found = operations.pooled(code, cells=cells)
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64).view(rows, 2 * cells**2))

    def test_gradients_reach_every_element(self) -> None:
        code = torch.randn(2, 1, 2, 4, generator=seeded(0), dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda maps: operations.pooled(maps, cells=2), code)

    @pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), (2, 3, 5, 4)])
    def test_what_cannot_be_cut_is_told(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="its maps can't be cut into 2 × 2 equal cells"):
            operations.pooled(torch.zeros(shape), cells=2)


class TestPosterior:
    def test_features_are_halved(self) -> None:
        features = torch.arange(12.0).view(2, 6)
        posterior = operations.diagonal_gaussian(features, initial_log_variance=-4.0)
        assert torch.equal(posterior.mean, features[:, :3])
        assert torch.equal(posterior.log_variance, features[:, 3:] - 4)

    def test_maps_are_halved_along_their_channels(self) -> None:
        features = torch.randn(2, 6, 4, 8)
        posterior = operations.diagonal_gaussian(features)
        assert torch.equal(torch.cat(posterior, dim=1), features)
        assert posterior.mean.shape == (2, 3, 4, 8)

    @pytest.mark.parametrize("shape", [(2, 5), (8,), (2, 3, 4, 8)])
    def test_features_that_cannot_be_halved_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r'"batch \(2 code\)"'):
            operations.diagonal_gaussian(torch.zeros(shape))

    def test_samples_have_the_posterior_s_moments(self) -> None:
        mean, log_variance = torch.tensor([-2.0, 0.5]), torch.tensor([1.0, -3.0])
        posterior = DiagonalGaussian(mean.expand(50_000, 2), log_variance.expand(50_000, 2))
        draws = operations.sample(posterior, generator=seeded(0))
        torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=0.03)
        torch.testing.assert_close(draws.var(0), log_variance.exp(), rtol=0.03, atol=0)
        assert draws.T.corrcoef()[0, 1].abs() < 0.02

    def test_gradients_flow_through_a_sample(self) -> None:
        mean, log_variance = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
        assert torch.autograd.gradcheck(
            lambda m, v: operations.sample(DiagonalGaussian(m, v), generator=seeded(0)), (mean, log_variance)
        )

    def test_a_sample_without_variance_is_the_mean_and_so_it_is_in_evaluation(self) -> None:
        posterior = DiagonalGaussian(torch.randn(3, 2), torch.full((3, 2), -torch.inf))
        assert torch.equal(operations.sample(posterior), posterior.mean)
        assert operations.sample.in_evaluation is operations.posterior_mean  # type: ignore[attr-defined]
        assert operations.posterior_mean(posterior) is posterior.mean

    def test_a_plain_code_is_no_posterior(self) -> None:
        for operation in (operations.sample, operations.posterior_mean):
            with pytest.raises(ValueError, match=r"found a Tensor of shape \(2, 3\)"):
                operation(torch.zeros(2, 3))  # type: ignore[operator]


class TestRows:
    @settings(max_examples=25)
    @given(seeds, st.integers(1, 8))
    def test_take_follows_its_indices(self, seed: int, rows: int) -> None:
        x = torch.randn(rows, 2, 3, generator=seeded(seed))
        indices = torch.randint(rows, (5,), generator=seeded(seed))
        assert torch.equal(operations.take(x, indices), x[indices])
        order = operations.permutation(x, generator=seeded(seed))
        assert torch.equal(operations.take(operations.take(x, order), order.argsort()), x)

    def test_posteriors_keep_their_kind(self) -> None:
        posterior = DiagonalGaussian(torch.randn(3, 2, requires_grad=True), torch.zeros(3, 2))
        taken = operations.take(posterior, torch.tensor([2, 0]))
        assert isinstance(taken, DiagonalGaussian)
        assert torch.equal(taken.mean, posterior.mean[[2, 0]])
        detached = operations.detach(posterior)
        assert isinstance(detached, DiagonalGaussian)
        assert not detached.mean.requires_grad
        assert torch.equal(detached.mean, posterior.mean)

    def test_concatenate_joins_codes_and_maps(self) -> None:
        assert operations.concatenate(torch.zeros(2, 3), torch.ones(2, 4)).sum(1).tolist() == [4, 4]
        assert operations.concatenate(torch.zeros(2, 3, 5, 5), torch.ones(2, 1, 5, 5)).shape == (2, 4, 5, 5)


class TestProbabilities:
    @given(st.floats(0.1, 10), seeds)
    def test_temperature_divides_the_logits(self, temperature: float, seed: int) -> None:
        x = torch.randn(3, 4, generator=seeded(seed), dtype=torch.float64)
        probability = operations.sigmoid(x, temperature=temperature)
        torch.testing.assert_close(probability, 1 / (1 + (-x / temperature).exp()))
        probabilities = operations.softmax(x, temperature=temperature)
        torch.testing.assert_close(probabilities.sum(1), torch.ones(3, dtype=torch.float64))
        torch.testing.assert_close(probabilities.log().diff(dim=1), x.diff(dim=1) / temperature)

    def test_multiply_is_element_wise(self) -> None:
        assert operations.multiply(torch.tensor([0.5, 0.25]), torch.tensor([0.5, 0.0])).tolist() == [0.25, 0.0]


class ByClass(nn.Module):
    """A conditional prior as a plugin would write it: the code is its class, plus a little noise."""

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        return codes.sum(1)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        classes = labels[0] if labels else torch.randint(3, (count,), generator=generator)
        return classes[:, None] + 0.01 * torch.randn(count, 2, generator=generator)


class TestDraw:
    def test_a_conditional_prior_draws_given_the_labels(self) -> None:
        labels = torch.tensor([2, 0, 1, 1])
        assert operations.draw(ByClass(), labels, generator=seeded(0)).round()[:, 0].tolist() == labels.tolist()

    def test_a_prior_without_labels_draws_one_code_for_each(self) -> None:
        drawn = operations.draw(StandardNormal(size=3), torch.tensor([2, 0]), generator=seeded(0))
        assert torch.equal(drawn, StandardNormal(size=3).sample(2, generator=seeded(0)))

    def test_draw_without_labels_says_what_to_use(self) -> None:
        with pytest.raises(ValueError, match=r"draw_like\(prior, tensor\)"):
            operations.draw(StandardNormal(size=3))

    def test_draw_like_gives_as_many_in_the_same_dtype(self) -> None:
        like = torch.zeros(5, 7, dtype=torch.bfloat16)
        drawn = operations.draw_like(StandardNormal(size=3), like, generator=seeded(0))
        assert (drawn.shape, drawn.dtype) == ((5, 3), torch.bfloat16)
        assert operations.draw_like(ByClass(), like, generator=seeded(0)).shape == (5, 2)


def test_augmentation_scales_brightens_and_crops_within_the_range() -> None:
    images = torch.full((200, 1, 16, 16), -1.0)
    images[:, :, 4:12, 4:12] = 0.5
    out = operations.augment(images, value_range=(-1.0, 1.0), generator=torch.Generator().manual_seed(0))
    assert out.shape == images.shape
    assert out.min() >= -1
    assert out.max() <= 1
    assert (out[:, :, 0, 0] == -1).all()
    brightest = out.amax((1, 2, 3))
    assert brightest.min() < 0.2
    assert brightest.max() > 0.8
    sizes = (out > -0.5).sum((2, 3)).float()
    assert sizes.min() < 50
    assert sizes.max() > 80
    columns = torch.arange(16.0)
    middle = ((out[:, 0] + 1).sum(1) * columns).sum(1) / (out[:, 0] + 1).sum((1, 2))
    assert middle.min() < 6.8
    assert middle.max() > 8.2


def test_augmentation_leaves_alone_what_it_is_told_to_leave() -> None:
    images = torch.rand(3, 2, 8, 8)
    out = operations.augment(images, scale=(1.0, 1.0), brightness=(1.0, 1.0), shift=0.0)
    torch.testing.assert_close(out, images)
    assert operations.augment(images[:0]).shape == (0, 2, 8, 8)
    assert operations.augment.in_evaluation(images) is images  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="not images"):
        operations.augment(images[0])


def test_the_average_is_the_weighted_mean() -> None:
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])
    torch.testing.assert_close(operations.average(a, b), torch.tensor([2.0, 4.0]))
    torch.testing.assert_close(operations.average(a, b, weights=[3, 1]), torch.tensor([1.5, 3.0]))
    assert torch.equal(operations.average(a), a)


@pytest.mark.parametrize(
    ("tensors", "weights", "message"),
    [
        ([], None, "at least one tensor"),
        ([torch.ones(2), torch.ones(3)], None, "axis 0 differs"),
        ([torch.ones(2)], [1.0, 2.0], "one weight for each of 1"),
        ([torch.ones(2), torch.ones(2)], [1.0, -1.0], "a sum not 0"),
    ],
    ids=["none", "shapes", "weights", "zero"],
)
def test_an_average_of_what_does_not_fit_is_refused(
    tensors: list[Tensor], weights: list[float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        operations.average(*tensors, weights=weights)


@given(st.lists(st.integers(0, 4), max_size=8))
def test_a_one_hot_vector_is_1_at_its_label_alone(labels: list[int]) -> None:
    vectors = operations.one_hot(torch.tensor(labels, dtype=torch.int64), classes=5)
    assert vectors.shape == (len(labels), 5)
    assert vectors.dtype == torch.float32
    assert vectors.sum(1).tolist() == [1.0] * len(labels)
    assert vectors.argmax(1).tolist() == labels


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 5]), "there are 5 classes, 0 to 4; found labels from 0 to 5"),
        (torch.tensor([[0], [1]]), "one class for each of 2 rows"),
        (torch.tensor([0.0, 1.0]), "labels are classes, int64, found float32"),
    ],
    ids=["outside", "shape", "floats"],
)
def test_one_hot_refuses_what_are_no_classes(labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        operations.one_hot(labels, classes=5)
