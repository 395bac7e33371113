"""Lines of codes that are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.evaluations.interpolation import attribute_interpolation

Calls = list[dict[str, torch.Tensor]]
INPUTS = ("x_f", "z_0", "z_shape", "z_tone", "shape", "tone")


def lines(world: Any, seed: int = 0, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(seed)
    given = {"attribute": "shape", "pairs": 40, "pictures": 2, **options}
    return attribute_interpolation(*map(world.tensor, INPUTS), generator=generator, **given)


def test_lines_lead_from_class_to_class_with_all_else_kept(world: Any) -> None:
    result = lines(world, judge=world)
    assert result.figures["ends"] == result.figures["within"] == result.figures["kept_tone"] == 1
    assert 0.4 < result.figures["one_change"] < 1  # from round to long the line passes oval
    assert len(result.pictures) == 2
    assert lines(world, judge=world) == result
    assert lines(world, seed=1, judge=world).pictures != result.pictures


def test_ends_that_are_not_shown_are_counted(world: Any) -> None:
    draw = world.functions["x_f"]
    world.functions["x_f"] = lambda z_0, z_shape, z_tone: draw(z_0, 0 * z_shape + 1, z_tone)
    figures = lines(world, judge=world).figures
    assert figures["ends"] == figures["one_change"] == 0
    assert 0.2 < figures["within"] < 0.5


def test_within_a_class_all_images_must_show_it(world: Any) -> None:
    draw = world.functions["x_f"]  # half of the codes of a class show the next one
    world.functions["x_f"] = lambda z_0, z_shape, z_tone: draw(z_0, z_shape.floor() + (z_shape % 1 > 0.05), z_tone)
    assert 0.1 < lines(world, judge=world).figures["within"] < 0.45  # a quarter: both ends show it


def test_a_line_starts_and_ends_at_the_two_codes_in_a_third_image(world: Any, recorded: Calls) -> None:
    lines(world, images=5)
    assert len(recorded) == 2  # between classes and within them, without a judge
    for codes in recorded:
        strips = codes["z_shape"].view(40, 5, -1)
        torch.testing.assert_close(strips[:, 2], (strips[:, 0] + strips[:, 4]) / 2)
        assert (codes["z_tone"].view(40, 5, -1) == codes["z_tone"].view(40, 5, -1)[:, :1]).all()
        known = world.tensors["z_shape"]["test"].flatten(1)
        assert all((known == end).all(1).any() for end in (*strips[:, 0], *strips[:, 4]))


def test_a_line_between_classes_needs_two(world: Any) -> None:
    world.tensors["shape"]["test"].fill_(0)
    with pytest.raises(ValueError, match="the test images are of one class of shape"):
        lines(world)
