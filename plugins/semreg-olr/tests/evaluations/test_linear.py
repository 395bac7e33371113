"""The linear classifier on embeddings that say all, and that say nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_olr.evaluations.linear import linear_classifier


def evaluated(world: Any, **options: Any) -> Any:
    return linear_classifier(*map(world.tensor, ("embedding", "attributes", "probability", "image")), **options)


def test_separable_embeddings_are_read_without_error(world: Any) -> None:
    result = evaluated(world)
    expected = {
        "linear",
        "balanced_linear",
        "average_precision_linear",
        "convolutional",
        "ratio",
        "ratio_above_majority",
    }
    assert {name: result.figures[name] for name in expected} == pytest.approx(dict.fromkeys(expected, 1.0))
    assert result.pictures == []  # there is nothing that only the convolutional classifier gets right


def test_figures_of_a_worse_convolutional_classifier(world: Any) -> None:
    labels = world.tensors["attributes"]
    world.tensors["probability"]["test"] = labels["test"].clone()
    world.tensors["probability"]["test"][:40, 0] = 1 - labels["test"][:40, 0]  # half of one label of four
    figures = evaluated(world).figures
    majority = ((labels["train"].mean(0) > 0.5) == (labels["test"] > 0.5)).float().mean()
    assert figures["convolutional"] == pytest.approx(7 / 8)
    assert figures["majority"] == pytest.approx(float(majority))
    assert figures["ratio"] == pytest.approx(8 / 7)
    assert figures["ratio_above_majority"] == pytest.approx(float((1 - majority) / (7 / 8 - majority)))


def test_embeddings_of_nothing_are_no_better_than_the_majority_and_shown(world: Any) -> None:
    for split, rows in world.tensors["embedding"].items():
        world.tensors["embedding"][split] = torch.zeros_like(rows)
    result = evaluated(world, pictures=3)
    assert result.figures["linear"] == pytest.approx(result.figures["majority"])
    assert result.figures["ratio_above_majority"] == pytest.approx(0)
    assert len(result.pictures) == 1


def test_without_a_validation_split_the_penalty_is_chosen_on_training_images(world: Any) -> None:
    del world.tensors["attributes"]["validation"], world.tensors["embedding"]["validation"]
    world.counts["validation"] = 0
    assert evaluated(world).figures["linear"] == 1


def test_an_embedding_without_a_row_per_label_is_refused(world: Any) -> None:
    world.tensors["embedding"]["test"] = torch.zeros(80, 3, 4)
    with pytest.raises(ValueError, match=r"'embedding' must have one row for each of the 4 labels.*\(3, 4\)"):
        evaluated(world)


def test_labels_must_be_a_field_of_attributes(world: Any) -> None:
    del world.fields["attributes"]
    with pytest.raises(ValueError, match="'attributes' is not a field of binary attributes"):
        evaluated(world)
