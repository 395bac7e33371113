"""Class-balanced batches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_atnl.samplers import balanced

from semreg.core import UserError


def draw(labels: torch.Tensor, batch_size: int, seed: int = 0, **options: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return balanced(labels, count=len(labels), batch_size=batch_size, generator=generator, **options)


@given(st.data(), st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_each_batch_has_as_many_of_each_class(data: st.DataObject, seed: int) -> None:
    present = data.draw(st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True))
    each = data.draw(st.integers(1, 4))
    sizes = [data.draw(st.integers(each, 15)) for _ in present]
    labels = torch.tensor([label for label, size in zip(present, sizes, strict=True) for _ in range(size)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    chosen = data.draw(st.integers(1, len(present)))
    drawn = draw(labels, chosen * each, seed, classes=chosen)
    assert drawn.dtype == torch.int64
    assert drawn.shape == (len(labels) // (chosen * each), chosen * each)
    for batch in drawn:
        assert len(set(batch.tolist())) == len(batch)  # no sample twice
        counts = labels[batch].unique(return_counts=True)[1]
        assert counts.tolist() == [each] * chosen
        # Equal parts of a batch, as several processes take them, have the classes alike.
        for part in batch.view(each, chosen):
            assert len(labels[part].unique()) == chosen


def test_all_classes_by_default_and_every_sample_before_any_again() -> None:
    labels = torch.arange(60) % 3
    drawn = draw(labels, 12)
    assert drawn.shape == (5, 12)
    assert sorted(drawn.flatten().tolist()) == list(range(60))


def test_a_small_class_returns_sooner() -> None:
    labels = torch.tensor([0] * 90 + [1] * 10)
    drawn = draw(labels, 10).flatten()
    uses = drawn.bincount(minlength=100)
    assert uses[90:].sum() == uses[:90].sum() == 50
    assert uses[:90].max() == 1
    assert set(uses[90:].tolist()) == {5}


def test_the_generator_decides() -> None:
    labels = torch.arange(60) % 6
    assert torch.equal(draw(labels, 6, 1, classes=3), draw(labels, 6, 1, classes=3))
    assert not torch.equal(draw(labels, 6, 1, classes=3), draw(labels, 6, 2, classes=3))


@pytest.mark.parametrize(
    ("labels", "batch_size", "options", "said"),
    [
        ([0] * 8 + [1] * 3, 8, {}, "takes 4 samples of each of 2 classes, and class 1 has 3"),
        ([0, 1, 2] * 5, 8, {}, "a batch of 8 does not divide into 3 classes; a multiple of 3 does"),
        ([0, 1, 2] * 5, 8, {"classes": 4}, "can't draw a batch of 4 classes: the data have 3"),
    ],
)
def test_bad_input(labels: list[int], batch_size: int, options: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        draw(torch.tensor(labels), batch_size, **options)


def test_one_class_for_each_sample() -> None:
    with pytest.raises(UserError, match="one class for each of 9 samples"):
        balanced(torch.zeros(8), count=9, batch_size=3)
