"""One label's principal components on rows along known directions."""

from __future__ import annotations

from typing import Any

import pytest
from semreg_olr.evaluations.principal import principal_component


def evaluated(world: Any, **options: Any) -> Any:
    return principal_component(*map(world.tensor, ("embedding", "attributes", "image")), **options)


def test_rows_along_one_direction_order_the_images(world: Any) -> None:
    result = evaluated(world)
    assert result.figures["first_component"] > 0.95
    assert result.figures["second_component"] < 0.02
    assert result.figures["area_under_curve"] == 1
    assert "Mouth Slightly Open" in result.summary
    assert "The data have no" not in result.pictures[0].caption


def test_turning_the_rows_round_changes_nothing(world: Any) -> None:
    before = evaluated(world).figures
    world.tensors["embedding"] = {split: -rows for split, rows in world.tensors["embedding"].items()}
    assert evaluated(world).figures == pytest.approx(before)


def test_a_label_that_the_data_lack_gives_way_to_the_most_balanced_one(world: Any) -> None:
    labels = world.tensors["attributes"]
    for rows in labels.values():
        rows[:, [0, 2, 3]] = 0
        rows[::2, 1] = 1
    result = evaluated(world, attribute="Chubby")
    assert "The data have no Chubby; Smiling is the most balanced label." in result.pictures[0].caption
    assert "Smiling" in result.summary


def test_more_pictures_than_test_images_show_them_all(world: Any) -> None:
    assert len(evaluated(world, pictures=500).pictures) == 1
