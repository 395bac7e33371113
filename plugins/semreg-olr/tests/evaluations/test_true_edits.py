"""Edits beside the same images drawn with the label."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from semreg_olr.evaluations.true_edits import FIGURES, true_edits

from semreg.core import Result


def result(world: Any, **options: Any) -> Result:
    tensors = [world.tensor(name) for name in ("embedding", "reconstruction", "attributes", "image", "image")]
    return true_edits(*tensors, judge=world, **options)


def test_where_rows_tell_of_their_own_label_alone_an_edit_makes_the_whole_change(world: Any) -> None:
    figures = result(world, count=20).figures
    assert figures.keys() == set(FIGURES)
    assert figures["share_of_change"] == pytest.approx(1, abs=0.05)
    assert figures["share_possible"] == pytest.approx(1, abs=0.05)
    assert figures["error_edited"] < 0.01 < figures["error_before"]
    assert (figures["seen_edited"], figures["seen_possible"], figures["seen_in_drawings"]) == (1, 1, 1)


def test_half_a_row_makes_half_of_the_change(world: Any) -> None:
    # a rival's row, which becomes zero as a whole, is the rest
    [table] = result(world, scale=0.5).tables
    shares = {row[0]: row[5] for row in table.rows}
    assert shares["Mouth Slightly Open"] == pytest.approx(0.5, abs=0.06)  # absent rows are noise, not zero
    assert 0.5 < float(shares["Bald"] or 0) < 0.8


def test_images_that_cannot_be_drawn_with_a_label_are_left_out(world: Any) -> None:
    [table] = result(world, count=20).tables
    images = {row[0]: row[1] for row in table.rows}
    absent = (world.tensors["attributes"]["test"][:, 1] == 0).nonzero().flatten()[:20]
    assert images["Smiling"] == int((absent % 2 == 1).sum())  # 360 images come before the test images
    assert images["Mouth Slightly Open"] == 20


def test_a_decoder_that_reads_the_label_elsewhere_makes_less_of_the_change(world: Any) -> None:
    tight = world.functions["reconstruction"]

    def leaking(embedding: torch.Tensor) -> torch.Tensor:
        seen = embedding.clone()
        seen[:, 3] = (embedding[:, 3] + embedding[:, 1]) / 2  # the mouth's band is read from Smiling's row, too
        return tight(seen)  # type: ignore[no-any-return]

    world.functions["reconstruction"] = leaking
    [table] = result(world).tables
    share = {row[0]: row[5] for row in table.rows}
    assert float(share["Mouth Slightly Open"] or 0) < 0.6


def test_a_data_set_that_draws_nothing_again_is_refused(world: Any) -> None:
    world.plan = SimpleNamespace(dataset=object())
    with pytest.raises(ValueError, match="the data set has no method `redrawn"):
        result(world)


def test_where_no_image_can_be_drawn_with_a_label_it_says_so(world: Any) -> None:
    world.plan.dataset.redrawn = lambda index, attribute: None
    with pytest.raises(ValueError, match="no test image can be drawn with a label that it lacks"):
        result(world)
