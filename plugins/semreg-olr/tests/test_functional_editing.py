"""Label statistics, draws from them and edits of embeddings, against plain references in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_olr import functional
from torch import Tensor

seeds = st.integers(0, 2**31 - 1)
sizes = st.integers(1, 5)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def uniform(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def presence(seed: int, images: int, labels: int) -> Tensor:
    """Random labels, of which every one is present somewhere."""
    drawn = (uniform(seed, images, labels) < 0.4).float()
    drawn[torch.arange(labels) % images, torch.arange(labels)] = 1
    return drawn


class TestLabelStatistics:
    @given(seeds, st.integers(1, 12), sizes, sizes)
    def test_equals_numpy(self, seed: int, images: int, labels: int, k: int) -> None:
        embeddings, present = normal(seed, images, labels, k), presence(seed, images, labels)
        statistics = functional.label_statistics(embeddings, present)
        for label in range(labels):
            rows = embeddings[:, label].numpy()[present[:, label].numpy() > 0.5]
            np.testing.assert_allclose(statistics.mean[label], rows.mean(0), atol=1e-12)
            covariance = np.cov(rows, rowvar=False, bias=True).reshape(k, k)
            np.testing.assert_allclose(statistics.covariance[label], covariance, atol=1e-12)
            assert statistics.images[label] == len(rows)

    def test_a_far_mean_does_not_spoil_the_covariance(self) -> None:
        rows = normal(0, 500, 1, 3).float()
        near = functional.label_statistics(rows, torch.ones(500, 1)).covariance
        far = functional.label_statistics(rows.double() + 1e6, torch.ones(500, 1)).covariance
        torch.testing.assert_close(far.float(), near, atol=1e-4, rtol=1e-4)

    def test_a_label_without_images_is_named(self) -> None:
        labels = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
        with pytest.raises(ValueError, match="Bald"):
            functional.label_statistics(torch.zeros(2, 3, 4), labels, names=["Smiling", "Bald", "Male"])
        with pytest.raises(ValueError, match="label 1"):
            functional.label_statistics(torch.zeros(2, 3, 4), labels)

    def test_shapes_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match=r"\(2, 4\)"):
            functional.label_statistics(torch.zeros(2, 3, 4), torch.ones(2, 4))


class TestDrawEmbedding:
    def test_has_the_labels_moments(self) -> None:
        embeddings = normal(0, 40, 2, 3) @ normal(1, 3, 3) + normal(2, 2, 3)
        statistics = functional.label_statistics(embeddings, torch.ones(40, 2))
        drawn = functional.draw_embedding(statistics, 1, 200_000, scale=2.0, generator=generator(0))
        torch.testing.assert_close(drawn.mean(0), 2 * statistics.mean[1], atol=0.1, rtol=0.05)
        covariance = torch.cov(drawn.T, correction=0)
        torch.testing.assert_close(covariance, 4 * statistics.covariance[1], atol=0.1, rtol=0.05)

    @given(seeds, st.integers(1, 4))
    def test_few_images_give_draws_in_their_affine_span(self, seed: int, images: int) -> None:
        embeddings = normal(seed, images, 1, 8).float()
        statistics = functional.label_statistics(embeddings, torch.ones(images, 1))
        drawn = functional.draw_embedding(statistics, 0, 20, generator=generator(seed))
        assert drawn.isfinite().all()
        basis = torch.linalg.qr((embeddings[1:, 0] - embeddings[0, 0]).T).Q
        offset = drawn - embeddings[0, 0]
        outside = offset - offset @ basis @ basis.T
        assert outside.norm(dim=1).max() < 1e-2

    def test_one_image_is_drawn_exactly(self) -> None:
        embeddings = normal(0, 1, 2, 4).float()
        statistics = functional.label_statistics(embeddings, torch.ones(1, 2))
        drawn = functional.draw_embedding(statistics, 1, 3, scale=1.5)
        torch.testing.assert_close(drawn, 1.5 * embeddings[:, 1].expand(3, 4))

    def test_deterministic_under_a_generator(self) -> None:
        statistics = functional.label_statistics(normal(0, 9, 1, 4), torch.ones(9, 1))
        one, two, other = (functional.draw_embedding(statistics, 0, 5, generator=generator(seed)) for seed in (1, 1, 2))
        assert torch.equal(one, two)
        assert not torch.equal(one, other)


class TestEditEmbedding:
    NAMES = ("a", "b", "c", "d", "e", "f")
    RIVALS = ([1, 2], [0, 2], [0, 1], [], [], [])

    @staticmethod
    def statistics(seed: int) -> functional.LabelStatistics:
        return functional.label_statistics(normal(seed, 30, 6, 4), torch.ones(30, 6))

    @settings(max_examples=30)
    @given(seeds, st.permutations(range(6)), st.integers(0, 3), st.floats(0.1, 2), st.booleans())
    def test_only_named_rows_and_rivals_change(
        self, seed: int, order: list[int], removals: int, scale: float, by_name: bool
    ) -> None:
        embeddings = normal(seed, 5, 6, 4)
        before = embeddings.clone()
        add, remove = order[0], order[1 : 1 + removals]
        edited = functional.edit_embedding(
            embeddings,
            add={self.NAMES[add]: scale} if by_name else {add: scale},  # type: ignore[arg-type]
            remove={self.NAMES[label]: 0.0 for label in remove} if by_name else dict.fromkeys(remove, 0.0),  # type: ignore[arg-type]
            statistics=self.statistics(seed),
            rivals=self.RIVALS,
            names=self.NAMES,
            generator=generator(seed),
        )
        assert torch.equal(embeddings, before)
        zeroed = {*remove, *self.RIVALS[add]}
        for label in range(6):
            if label in zeroed:
                assert not edited[:, label].any()
            elif label == add:
                drawn = functional.draw_embedding(self.statistics(seed), add, 5, scale=scale, generator=generator(seed))
                assert torch.equal(edited[:, label], drawn)
            else:
                assert torch.equal(edited[:, label], before[:, label])

    @given(seeds)
    def test_a_scaled_down_removal_is_a_draw(self, seed: int) -> None:
        statistics = self.statistics(seed)
        edited = functional.edit_embedding(
            normal(seed, 5, 6, 4), remove={3: 0.25}, statistics=statistics, generator=generator(seed)
        )
        drawn = functional.draw_embedding(statistics, 3, 5, scale=0.25, generator=generator(seed))
        assert torch.equal(edited[:, 3], drawn)

    def test_the_order_of_writing_does_not_matter(self) -> None:
        embeddings, statistics = normal(0, 5, 6, 4), self.statistics(1)
        one, two = (
            functional.edit_embedding(embeddings, add=add, statistics=statistics, generator=generator(0))
            for add in ({3: 1.0, 5: 1.5}, {5: 1.5, 3: 1.0})
        )
        assert torch.equal(one, two)

    def test_nothing_to_edit(self) -> None:
        embeddings = normal(0, 5, 6, 4)
        edited = functional.edit_embedding(embeddings)
        assert torch.equal(edited, embeddings)
        assert edited is not embeddings

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"add": {6: 1.0}}, "no label 6"),
            ({"remove": {-1: 0.0}}, "no label -1"),
            ({"add": {"x": 1.0}}, "no label 'x'"),
            ({"add": {3: 1.0}, "remove": {3: 0.0}}, "both added and removed"),
            ({"add": {0: 0.0, 2: 0.0}, "rivals": RIVALS}, "exclude each other"),
            ({"add": {3: 1.0}}, "needs the labels' statistics"),
        ],
    )
    def test_bad_edits(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            functional.edit_embedding(normal(0, 5, 6, 4), **options)
