"""Edits in a world where the decoder draws every label's row and the judge sees what is drawn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_olr.evaluations.editing import attribute_editing

from semreg.core import ImageField

NAMES = ["Bald", "Smiling", "Wearing Hat", "Mouth Slightly Open"]


def evaluated(world: Any, judge: Any = None, **options: Any) -> Any:
    options = {"generator": torch.Generator().manual_seed(0), **options}
    inputs = map(world.tensor, ("embedding", "reconstruction", "attributes", "image"))
    return attribute_editing(*inputs, judge=judge or world, **options)


def row_of(result: Any, name: str) -> dict[str, Any]:
    table = result.tables[0]
    return dict(zip(table.columns, next(row for row in table.rows if row[0] == name), strict=True))


def test_perfect_edits_are_seen_and_keep_the_rest(world: Any) -> None:
    result = evaluated(world)
    assert result.figures == pytest.approx(dict.fromkeys(result.figures, 1.0))
    assert {"added", "added_unseen", "kept", "removed", "removed_seen", "kept_removing"} < result.figures.keys()
    absent = int((world.tensors["attributes"]["test"][:, 1] < 0.5).sum())
    assert row_of(result, "Smiling")["cases to add"] == absent
    assert row_of(result, "Smiling")["cases to remove"] == 80 - absent
    assert len(result.pictures) == 3


def test_what_the_judge_is_blind_to_is_not_seen(world: Any) -> None:
    see = world.functions["probability"]
    world.functions["probability"] = lambda image: see(image) * torch.tensor([1.0, 0, 1, 1])
    result = evaluated(world, count=10)
    assert row_of(result, "Smiling")["added"] == 0
    assert row_of(result, "Bald")["added"] == 1
    assert result.figures["added"] == pytest.approx(3 / 4)  # ten cases for each of four labels
    assert row_of(result, "Smiling")["seen where present"] == 0


def test_a_label_seen_before_the_edit_counts_among_all_cases_but_not_among_those_unseen(world: Any) -> None:
    see = world.functions["probability"]
    world.functions["probability"] = lambda image: torch.cat([torch.ones(len(image), 1), see(image)[:, 1:]], 1)
    bald = row_of(evaluated(world), "Bald")
    assert bald["added"] == 1
    assert bald["added where unseen before"] != bald["added where unseen before"]  # there is no such case
    assert bald["removed"] == 0


def test_side_effects_count_but_those_on_rivals_do_not(world: Any) -> None:
    """A decoder that draws a smile on whoever gets a hat: one of the other labels but the rival, Bald."""
    draw = world.functions["reconstruction"]

    def smiling_hats(embedding: torch.Tensor) -> torch.Tensor:
        embedding = embedding.clone()
        hat = embedding[:, 2].norm(dim=1) > 0.5
        embedding[hat, 1] = torch.tensor([1.0, 0, 0, 0])
        return draw(embedding)

    world.functions["reconstruction"] = smiling_hats
    labels = world.tensors["attributes"]["test"]
    frowning = float((labels[labels[:, 2] < 0.5, 1] < 0.5).float().mean())
    result = evaluated(world)
    assert row_of(result, "Wearing Hat")["others kept"] == pytest.approx(1 - frowning / 2)
    assert row_of(result, "Bald")["others kept"] < 1  # its rival, the hat, goes, and with it some smiles
    assert row_of(result, "Mouth Slightly Open")["others kept"] == 1


def test_adding_zeroes_the_rows_of_rivals(world: Any) -> None:
    received = []
    draw = world.functions["reconstruction"]

    def remembered(embedding: torch.Tensor) -> torch.Tensor:
        received.append(embedding)
        return draw(embedding)

    world.functions["reconstruction"] = remembered
    evaluated(world)
    balded = received[1]  # after all test images as they are
    assert (balded[:, 2] == 0).all()
    assert (balded[:, 0].norm(dim=1) > 0.5).all()


def test_the_scale_multiplies_the_added_rows(world: Any) -> None:
    weak = evaluated(world, scale=0.3, scaled="Smiling")
    assert weak.figures["added"] == 0
    scales, _, probabilities = zip(*weak.tables[1].rows, strict=True)
    assert scales == (0.5, 1.0, 1.5, 2.0)
    assert probabilities == pytest.approx((0.5, 1, 1, 1), abs=0.03)
    assert weak.tables[1].title == "Smiling added at several scales"


def test_the_same_generator_gives_the_same_result(world: Any) -> None:
    assert evaluated(world) == evaluated(world)


def test_a_label_that_no_training_image_has_is_not_edited(world: Any) -> None:
    world.tensors["attributes"]["train"][:, 0] = 0
    result = evaluated(world)
    assert row_of(result, "Bald")["cases to add"] == 0
    assert row_of(result, "Wearing Hat")["added"] == 1
    assert result.figures["added"] == 1


def test_a_judge_of_whole_images_sees_crops_continued_at_the_edges(world: Any) -> None:
    see, sizes = world.functions["probability"], set()

    def whole(image: torch.Tensor) -> torch.Tensor:
        sizes.add(tuple(image.shape[1:]))
        return see(image[..., 2:-2, 2:-2])

    judge = type(world)(
        tensors=world.tensors, functions={"probability": whole}, fields=world.fields | {"image": ImageField(3, 20, 20)}
    )
    assert evaluated(world, judge).figures["added"] == 1
    assert sizes == {(3, 20, 20)}


def test_a_judge_of_other_labels_is_refused(world: Any) -> None:
    world.functions["probability"] = lambda image: torch.zeros(len(image), 7)
    with pytest.raises(ValueError, match=r"the judge's probability must be \(80, 4\).*found \(80, 7\)"):
        evaluated(world)


def test_a_judge_without_images_is_refused(world: Any) -> None:
    del world.fields["image"]
    with pytest.raises(ValueError, match="by the name 'image'"):
        evaluated(world)
