"""t-SNE of codes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semreg.evaluation.projections import tsne


def evaluated(world: Any, seed: int = 0, **options: Any) -> Any:
    options = {"perplexity": 8.0, **options}
    generator = torch.Generator().manual_seed(seed)
    return tsne(world.tensor("z"), world.tensor("digit"), generator=generator, **options)


def test_a_picture_and_points_that_keep_the_classes_together(world: Any) -> None:
    result = evaluated(world)
    (picture,), (scatter,) = result.pictures, result.scatters
    assert picture.png.startswith(b"\x89PNG")
    assert scatter.names == ("zero", "one", "two", "three", "four")
    assert scatter.classes == world.tensors["digit"]["test"].tolist()
    points, labels = torch.tensor(scatter.points), torch.tensor(scatter.classes)
    assert points.shape == (60, 3)
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    assert (labels[distances.argmin(1)] == labels).float().mean() > 0.9


def test_the_same_generator_gives_the_same_points_and_another_others(world: Any) -> None:
    assert evaluated(world, count=30) == evaluated(world, count=30)
    assert evaluated(world, count=30) != evaluated(world, seed=1, count=30)


def test_codes_of_one_number_are_placed_too(world: Any) -> None:
    for split in ("train", "test"):
        world.tensors["z"][split] = world.tensors["z"][split][:, :1]
    assert len(evaluated(world).scatters[0].points) == 60


def test_too_few_images_for_the_perplexity_are_told(world: Any) -> None:
    with pytest.raises(ValueError, match="perplexity is 30 for 20 test images"):
        evaluated(world, count=20, perplexity=30.0)


def test_codes_that_are_all_equal_are_not_drawn_and_that_is_said(world: Any) -> None:
    world.tensors["z"]["test"] = torch.ones_like(world.tensors["z"]["test"])
    result = evaluated(world)
    assert result.summary == "the codes of all 60 test images are equal, so there is no map of them"
    assert not result.pictures
    assert not result.scatters
