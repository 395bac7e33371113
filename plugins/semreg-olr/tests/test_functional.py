"""Properties of the pure functions, against plain references in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_olr import functional
from semreg_olr.ssim import structural_similarity
from torch import Tensor

seeds = st.integers(0, 2**31 - 1)
sizes = st.integers(1, 5)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def uniform(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


class TestJointProbabilityLoss:
    @given(seeds, sizes, sizes, sizes)
    def test_equals_the_loop_of_the_definition(self, seed: int, batch: int, labels: int, k: int) -> None:
        a, b, target = normal(seed, batch, labels, k), normal(seed + 1, batch, labels, k), uniform(seed, batch, labels)
        squares = [
            (sum(float(a[n, row, i] * b[n, row, i]) for i in range(k)) - float(target[n, row])) ** 2
            for n in range(batch)
            for row in range(labels)
        ]
        mean = functional.joint_probability_loss(a, b, target)
        assert float(mean) == pytest.approx(sum(squares) / len(squares))
        total = functional.joint_probability_loss(a, b, target, reduction="sum")
        assert float(total) == pytest.approx(sum(squares) / batch)

    @given(seeds)
    def test_symmetric_in_the_pair(self, seed: int) -> None:
        a, b, target = normal(seed, 4, 3, 5), normal(seed + 1, 4, 3, 5), uniform(seed, 4, 3)
        loss = functional.joint_probability_loss
        torch.testing.assert_close(loss(a, b, target), loss(b, a, target))

    @given(seeds)
    def test_a_rotation_of_each_labels_space_changes_nothing(self, seed: int) -> None:
        a, b, target = normal(seed, 4, 3, 5), normal(seed + 1, 4, 3, 5), uniform(seed, 4, 3)
        rotations = torch.linalg.qr(normal(seed + 2, 3, 5, 5)).Q

        def turn(embeddings: Tensor) -> Tensor:
            return torch.einsum("nlk,lkj->nlj", embeddings, rotations)

        loss = functional.joint_probability_loss
        torch.testing.assert_close(loss(turn(a), turn(b), target), loss(a, b, target))

    @given(seeds)
    def test_zero_exactly_where_the_dots_are_the_targets(self, seed: int) -> None:
        a, b = normal(seed, 4, 3, 5), normal(seed + 1, 4, 3, 5)
        dots = (a * b).sum(-1)
        assert functional.joint_probability_loss(a, b, dots) == 0
        assert functional.joint_probability_loss(a, b, dots + 0.1) == pytest.approx(0.01)

    def test_gradient(self) -> None:
        a, b = normal(0, 3, 2, 4).requires_grad_(), normal(1, 3, 2, 4).requires_grad_()
        target = uniform(2, 3, 2).requires_grad_()
        assert torch.autograd.gradcheck(functional.joint_probability_loss, (a, b, target))

    def test_an_empty_batch_gives_a_connected_zero(self) -> None:
        a = torch.zeros(0, 3, 4, requires_grad=True)
        for reduction in ("mean", "sum"):
            loss = functional.joint_probability_loss(a, a, torch.zeros(0, 3), reduction=reduction)
            assert loss == 0
            loss.backward()

    @pytest.mark.parametrize(("a", "b", "target"), [((2, 3, 4), (2, 3, 5), (2, 3)), ((2, 3, 4), (2, 3, 4), (2, 4))])
    def test_shapes_that_do_not_fit(self, a: tuple[int, ...], b: tuple[int, ...], target: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"shape|embeddings must be"):
            functional.joint_probability_loss(torch.zeros(a), torch.zeros(b), torch.zeros(target))


class TestJointProbabilityOverPairs:
    @given(seeds, st.integers(2, 5), sizes, sizes)
    def test_is_the_mean_over_all_pairs_of_two_images(self, seed: int, batch: int, labels: int, k: int) -> None:
        embeddings, probability = normal(seed, batch, labels, k), uniform(seed, batch, labels)
        losses = []
        for a in range(batch):
            for b in [other for other in range(batch) if other != a]:
                joint = probability[[a]] * probability[[b]]
                losses.append(functional.joint_probability_loss(embeddings[[a]], embeddings[[b]], joint))
        mean = functional.joint_probability_over_pairs(embeddings, probability)
        torch.testing.assert_close(mean, torch.stack(losses).mean())
        total = functional.joint_probability_over_pairs(embeddings, probability, reduction="sum")
        torch.testing.assert_close(total, labels * mean)

    @given(seeds)
    def test_the_order_of_the_images_does_not_matter(self, seed: int) -> None:
        embeddings, probability = normal(seed, 5, 3, 4), uniform(seed, 5, 3)
        order = torch.randperm(5, generator=generator(seed))
        loss = functional.joint_probability_over_pairs
        torch.testing.assert_close(loss(embeddings, probability), loss(embeddings[order], probability[order]))

    @pytest.mark.parametrize("batch", [0, 1])
    def test_without_a_pair_it_is_a_connected_zero(self, batch: int) -> None:
        embeddings = normal(0, batch, 3, 4).requires_grad_()
        loss = functional.joint_probability_over_pairs(embeddings, uniform(0, batch, 3))
        loss.backward()
        assert loss.item() == 0
        assert embeddings.grad is not None
        assert not embeddings.grad.any()

    def test_gradient(self) -> None:
        embeddings, probability = normal(0, 3, 2, 4).requires_grad_(), uniform(0, 3, 2)
        assert torch.autograd.gradcheck(
            lambda e: functional.joint_probability_over_pairs(e, probability), (embeddings,)
        )

    def test_refuses_shapes_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match=r"\(3, 2, 4\) and \(3, 5\)"):
            functional.joint_probability_over_pairs(normal(0, 3, 2, 4), uniform(0, 3, 5))


def test_joint_probability_is_the_product() -> None:
    a, b = uniform(0, 4, 3), uniform(1, 4, 3)
    assert torch.equal(functional.joint_probability(a, b), a * b)
    with pytest.raises(ValueError, match="shapes"):
        functional.joint_probability(a, b[:1])


class TestOcclude:
    @given(seeds, st.integers(1, 6), st.integers(1, 40), st.integers(1, 40), st.data())
    def test_one_rectangle_per_image_with_sides_in_range(
        self, seed: int, batch: int, height: int, width: int, data: st.DataObject
    ) -> None:
        low = data.draw(st.floats(0, 1))
        high = data.draw(st.floats(low, 1))
        images = uniform(seed, batch, 3, height, width) + 0.1
        occluded = functional.occlude(images, low=low, high=high, generator=generator(seed))
        changed = occluded != images
        assert torch.equal(occluded[~changed], images[~changed])
        assert (occluded[changed] == 0).all()
        for mask in changed:
            assert torch.equal(mask[0], mask[1])
            assert torch.equal(mask[0], mask[2])
            rows, columns = mask[0].any(1).nonzero().flatten(), mask[0].any(0).nonzero().flatten()
            if len(rows) == 0:  # a side that rounds to no pixel
                assert round(low * height) == 0 or round(low * width) == 0
                continue
            assert mask[0][rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert mask[0].sum() == len(rows) * len(columns)
            assert low * height - 0.51 <= len(rows) <= high * height + 0.51
            assert low * width - 0.51 <= len(columns) <= high * width + 0.51

    def test_sides_and_places_are_uniform(self) -> None:
        images = torch.ones(5_000, 1, 100, 100)
        covered = functional.occlude(images, generator=generator(0))[:, 0] == 0
        rows = covered.any(2)
        heights = rows.sum(1).float()
        assert heights.min() == 33
        assert heights.max() == 66
        assert float(heights.mean()) == pytest.approx(49.5, abs=0.6)
        # Of the free room, on average half lies above.
        above = rows.int().argmax(1) / (100 - heights)
        assert float(above.mean()) == pytest.approx(0.5, abs=0.02)
        assert float(above.std()) == pytest.approx(1 / math.sqrt(12), abs=0.02)

    def test_each_image_has_its_own_and_a_generator_decides(self) -> None:
        images = torch.ones(8, 3, 48, 48)
        one, two = (functional.occlude(images, generator=generator(3)) for _ in range(2))
        assert torch.equal(one, two)
        assert not torch.equal(one, functional.occlude(images, generator=generator(4)))
        assert len({tuple(image.flatten().tolist()) for image in one}) == 8

    def test_fill_and_probability(self) -> None:
        images = torch.zeros(2_000, 1, 12, 12)
        some = functional.occlude(images, fill=-1.0, probability=0.25, generator=generator(0))
        assert set(some.unique().tolist()) == {-1.0, 0.0}
        assert float((some < 0).flatten(1).any(1).float().mean()) == pytest.approx(0.25, abs=0.03)
        assert not functional.occlude(images, fill=1.0, probability=0.0).any()
        assert functional.occlude(images, fill=1.0, low=1.0, high=1.0).all()

    def test_the_draws_do_not_depend_on_the_dtype(self) -> None:
        images = torch.ones(4, 1, 20, 20)
        single = functional.occlude(images, generator=generator(0))
        double = functional.occlude(images.double(), generator=generator(0))
        assert torch.equal(single, double.float())

    def test_its_evaluation_form_leaves_the_images(self) -> None:
        images = uniform(0, 2, 3, 8, 8)
        evaluation: Any = functional.occlude
        assert torch.equal(evaluation.in_evaluation(images), images)

    @pytest.mark.parametrize("options", [{"low": 0.7}, {"low": -0.1}, {"high": 1.1}, {"probability": 1.5}])
    def test_fractions_out_of_range(self, options: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="found"):
            functional.occlude(torch.ones(2, 3, 8, 8), **options)

    def test_images_without_a_batch_axis(self) -> None:
        with pytest.raises(ValueError, match=r"\(3, 8, 8\)"):
            functional.occlude(torch.ones(3, 8, 8))


def test_crop_removes_a_frame() -> None:
    images = uniform(0, 2, 3, 10, 8)
    assert torch.equal(functional.crop(images), images[..., 1:9, 1:7])
    assert torch.equal(functional.crop(images, pixels=0), images)
    assert functional.crop(torch.zeros(1, 3, 178, 178)).shape == (1, 3, 176, 176)
    with pytest.raises(ValueError, match="4 pixels"):
        functional.crop(images, pixels=4)


class TestRescale:
    @given(seeds, st.floats(0.01, 100), st.floats(-100, 100))
    def test_each_image_spans_the_unit_range_whatever_its_scale(self, seed: int, gain: float, offset: float) -> None:
        images = uniform(seed, 3, 3, 6, 5)
        rescaled = functional.rescale(images)
        assert (rescaled.amin((1, 2, 3)) == 0).all()
        torch.testing.assert_close(rescaled.amax((1, 2, 3)), torch.ones(3, dtype=torch.float64))
        torch.testing.assert_close(functional.rescale(gain * images + offset), rescaled)

    def test_a_constant_image_gives_zeros_and_a_finite_gradient(self) -> None:
        images = torch.full((2, 3, 4, 4), 0.7, requires_grad=True)
        rescaled = functional.rescale(images)
        assert not rescaled.any()
        rescaled.square().sum().backward()
        assert images.grad is not None
        assert images.grad.isfinite().all()

    def test_gradient(self) -> None:
        assert torch.autograd.gradcheck(functional.rescale, (uniform(0, 2, 3, 4, 4).requires_grad_(),))


class TestReconstructionLoss:
    @given(seeds, st.floats(0, 1))
    def test_mixes_ssim_before_and_mse_after_rescaling(self, seed: int, alpha: float) -> None:
        output, images = normal(seed, 2, 3, 12, 12), uniform(seed + 1, 2, 3, 12, 12)
        expected = alpha * (1 - structural_similarity(output, images).mean())
        expected = expected + (1 - alpha) * (functional.rescale(output) - images).square().mean()
        torch.testing.assert_close(functional.reconstruction_loss(output, images, alpha=alpha), expected)

    def test_a_decoder_stuck_at_zero_gives_a_finite_gradient(self) -> None:
        output = torch.zeros(2, 3, 12, 12, requires_grad=True)
        functional.reconstruction_loss(output, uniform(0, 2, 3, 12, 12).float()).backward()
        assert output.grad is not None
        assert output.grad.isfinite().all()

    def test_an_empty_batch_gives_a_connected_zero(self) -> None:
        output = torch.zeros(0, 3, 12, 12, requires_grad=True)
        loss = functional.reconstruction_loss(output, torch.zeros(0, 3, 12, 12))
        assert loss == 0
        loss.backward()
