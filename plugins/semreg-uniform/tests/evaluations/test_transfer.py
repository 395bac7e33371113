"""Transfer between images whose codes are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.evaluations.transfer import attribute_transfer

INPUTS = ("image", "x_f", "z_0", "z_shape", "z_tone", "shape", "tone")


def evaluated(
    world: Any, *transfers: list[str], seed: int = 0, inputs: tuple[str, ...] = INPUTS, **options: Any
) -> Any:
    generator = torch.Generator().manual_seed(seed)
    chosen = list(transfers) or None
    return attribute_transfer(
        *map(world.tensor, inputs), judge=world, transfers=chosen, pairs=30, pictures=3, generator=generator, **options
    )


def test_in_separate_codes_the_target_follows_and_all_else_stays(world: Any) -> None:
    result = evaluated(world)
    assert result.figures == dict.fromkeys(
        ["target_shape", "kept_shape", "target_tone", "kept_tone"]
        + [f"judge_on_{what}_{name}" for what in ("images", "reconstructions") for name in ("shape", "tone")],
        1,
    )
    assert [row[0] for row in result.tables[0].rows] == ["shape", "tone", "nothing: images", "nothing: reconstructions"]
    assert len(result.pictures) == 2


def test_several_are_transferred_together(world: Any) -> None:
    figures = evaluated(world, ["tone", "shape"]).figures
    assert figures["target_tone_and_shape"] == 1
    assert "kept_tone_and_shape" not in figures


@pytest.mark.parametrize("names", [["shape"], ["tone", "shape"]])
def test_pairs_are_random_and_differ_in_all_that_is_transferred(names: list[str], world: Any) -> None:
    labels = {name: world.tensors[name]["test"] for name in ("shape", "tone")}
    labels["tone"][labels["shape"] != 0] = 0  # then a dark round one has no partner
    calls: list[dict[str, torch.Tensor]] = []
    draw = world.functions["x_f"]

    def watched(**codes: torch.Tensor) -> torch.Tensor:
        calls.append(codes)
        return draw(**codes)  # type: ignore[no-any-return]

    world.functions["x_f"] = watched
    table = evaluated(world, names).tables[0]

    def rows_of(code: str) -> torch.Tensor:
        known = world.tensors[code]["test"].flatten(1)
        return (calls[0][code].flatten(1)[:, None] == known).all(2).long().argmax(1)

    inputs, targets = rows_of("z_0"), rows_of("z_shape")
    assert rows_of("z_tone").equal(targets if "tone" in names else inputs)
    assert all((labels[name][inputs] != labels[name][targets]).all() for name in names)
    assert table.rows[0][1] == len(inputs)
    assert (len(inputs) == 30) == (names == ["shape"])
    assert len(inputs.unique()) == len(inputs)
    assert len(targets.unique()) > 2


def test_a_code_that_tells_another_attribute_is_found_out(world: Any) -> None:
    draw = world.functions["x_f"]
    world.functions["x_f"] = lambda z_0, z_shape, z_tone: draw(z_0, z_shape, (z_shape >= 1).float())
    figures = evaluated(world).figures
    assert figures["target_shape"] == 1
    assert 0.2 < figures["kept_shape"] < 0.8
    assert figures["kept_tone"] == 1
    assert 0.2 < figures["target_tone"] < 0.8


def test_what_can_be_hoped_for_stands_beside(world: Any) -> None:
    world.functions["probability_tone"] = lambda image: torch.eye(2)[torch.zeros(len(image), dtype=torch.int64)]
    figures = evaluated(world).figures
    assert figures["judge_on_images_tone"] == figures["judge_on_reconstructions_tone"] == 0.5
    assert figures["judge_on_images_shape"] == 1
    draw = world.functions["x_f"]
    world.functions["x_f"] = lambda z_0, z_shape, z_tone: draw(z_0, 0 * z_shape, z_tone)
    figures = evaluated(world).figures
    assert figures["judge_on_images_shape"] == 1
    assert figures["judge_on_reconstructions_shape"] == pytest.approx(1 / 3)


def test_the_judge_chooses_among_all_classes_or_those_of_test_images(world: Any) -> None:
    world.tensors["shape"]["test"] %= 2  # no test image is long, and the judge prefers that
    world.tensors["z_shape"]["test"] %= 1
    world.tensors["z_shape"]["test"] += world.tensors["shape"]["test"][:, None, None, None]
    see = world.functions["probability_shape"]
    world.functions["probability_shape"] = lambda image: see(image) + torch.tensor([0.0, 0.0, 2.0])
    assert evaluated(world).figures["target_shape"] == 0
    result = evaluated(world, among="test")
    assert result.figures["target_shape"] == result.figures["judge_on_reconstructions_shape"] == 1
    assert "among the classes of test images" in result.tables[0].caption


def test_without_a_rest_the_codes_are_those_of_the_attributes(world: Any) -> None:
    draw = world.functions["x_f"]
    world.functions["x_f"] = lambda z_shape, z_tone: draw(0 * z_shape, z_shape, z_tone)
    inputs = tuple(name for name in INPUTS if name != "z_0")
    assert evaluated(world, inputs=inputs).figures["target_shape"] == 1


def test_the_same_generator_gives_the_same_result_and_another_others(world: Any) -> None:
    assert evaluated(world) == evaluated(world)
    assert evaluated(world).pictures != evaluated(world, seed=1).pictures


def test_what_does_not_fit_is_told(world: Any) -> None:
    with pytest.raises(ValueError, match="there is no attribute 'tones'; did you mean 'tone'"):
        evaluated(world, ["tones"])
    with pytest.raises(ValueError, match="takes the codes, z_0 first, and then the label of each attribute"):
        evaluated(world, inputs=("image", "x_f", "z_0"))
    with pytest.raises(ValueError, match="'z_tone' is not a field of classes"):
        evaluated(world, inputs=("image", "x_f", "shape", "z_tone"))
    world.tensors["tone"]["test"].fill_(1)
    with pytest.raises(ValueError, match="no two test images differ in tone"):
        evaluated(world)
