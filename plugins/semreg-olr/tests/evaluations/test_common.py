"""What the evaluations share: fields of attributes, embeddings with a row for each label, moments, prose."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_olr.evaluations.common import (
    attributes_field,
    check_embedding,
    mean,
    moments,
    read_all,
    shown,
    unknown_note,
)
from semreg_olr.functional import label_statistics


def test_labels_are_those_of_a_field_of_attributes(world: Any) -> None:
    assert attributes_field(world.tensor("attributes")).names[0] == "Bald"
    with pytest.raises(ValueError, match="'image' is not a field of binary attributes in the data"):
        attributes_field(world.tensor("image"))


def test_an_embedding_has_a_row_for_each_label() -> None:
    embedding = torch.zeros(5, 2, 3)
    assert check_embedding(embedding, ("a", "b"), "z") is embedding
    for other, found in ((torch.zeros(5, 3, 2), r"\(3, 2\)"), (torch.zeros(5, 2), r"\(2,\)")):
        with pytest.raises(ValueError, match=f"'z' must have one row for each of the 2 labels; .* has shape {found}"):
            check_embedding(other, ("a", "b"), "z")


@given(st.integers(0, 2**31), st.sets(st.integers(0, 3), max_size=3))
def test_moments_of_labels_that_no_image_has_are_zeros_and_the_others_stay(seed: int, absent: set[int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(40, 4, 3, generator=generator)
    labels = (torch.rand(40, 4, generator=generator) < 0.5).float()
    labels[:2] = 1
    labels[:, list(absent)] = 0
    present = [k for k in range(4) if k not in absent]
    found, expected = moments(embedding, labels), label_statistics(embedding[:, present], labels[:, present])
    for ours, plain in zip(found, expected, strict=True):
        assert torch.equal(ours[present], plain)
        assert ours.shape == (4, *plain.shape[1:])
        assert not ours[list(absent)].any()


def test_the_rows_of_all_splits_come_training_first(world: Any) -> None:
    labels = world.tensors["attributes"]
    assert torch.equal(read_all(world.tensor("attributes")), torch.cat([labels[s] for s in labels]))
    del labels["validation"]
    world.counts["validation"] = 0
    assert torch.equal(read_all(world.tensor("attributes")), torch.cat([labels["train"], labels["test"]]))


def test_a_mean_is_of_what_are_numbers() -> None:
    assert mean([1.0, math.nan, 3.0]) == mean(torch.tensor([[1.0, 3.0], [math.nan, math.nan]])) == 2
    assert mean(value for value in (1, 2)) == 1.5
    assert math.isnan(mean([math.nan]))


def test_a_name_is_shown_as_prose() -> None:
    assert shown("Mouth_Slightly_Open") == "Mouth Slightly Open"


def test_a_note_of_what_is_not_known(world: Any) -> None:
    assert unknown_note(world.tensor("attributes"), "so be it") == ""
    world.fields["attributes_known"] = world.fields["attributes"]
    assert unknown_note(world.tensor("attributes"), "so be it") == (
        " Some labels of some images are not known; so be it."
    )
