"""Mixtures of codes that are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.evaluations.mixture import attribute_mixture

Calls = list[dict[str, torch.Tensor]]
INPUTS = ("x_f", "z_0", "z_shape", "z_tone", "shape", "tone")


def mixed(world: Any, **options: Any) -> Any:
    inputs = map(world.tensor, ("image", *INPUTS))
    return attribute_mixture(*inputs, **{"attribute": "shape", "mixtures": 2, **options})


def test_only_the_mixed_code_differs_and_it_is_a_convex_combination(world: Any, recorded: Calls) -> None:
    result = mixed(world, judge=world)
    assert result.figures == {"kept_tone": 1}
    assert len(result.pictures) == 1
    for codes in recorded:
        assert (codes["z_0"] == codes["z_0"][:1]).all()
        assert (codes["z_tone"] == codes["z_tone"][:1]).all()
        even, *others = codes["z_shape"]
        assert len(others) == 3
        torch.testing.assert_close(even, torch.stack(others).mean(0))
        assert float(even.mean()) == pytest.approx(1, abs=0.1)  # one image of each of the classes 0, 1 and 2


def test_one_image_after_the_other_has_sixty_per_cent(world: Any, recorded: Calls) -> None:
    mixed(world, mixtures=8)
    known = world.tensors["z_shape"]["test"].flatten(1)
    mixed_in = set()
    for codes in recorded:
        even, *others = codes["z_shape"].flatten(1)
        for other in others:  # 0.6 of one and 0.2 of each of the two others
            distances = ((other - 0.2 * 3 * even) / 0.4 - known).abs().amax(1)
            assert float(distances.min()) < 1e-5
            mixed_in.add(int(distances.argmin()))
    assert len(mixed_in) > 9  # random images of each of the three classes


def test_mixtures_need_no_judge_and_enough_classes(world: Any) -> None:
    assert mixed(world, images=2).figures == {}
    with pytest.raises(ValueError, match="the test images have 3 classes of shape; mixing needs 4"):
        mixed(world, images=4)
