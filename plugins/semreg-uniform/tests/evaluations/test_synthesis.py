"""Classes synthesised from codes that are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.evaluations import synthesis
from semreg_uniform.evaluations.synthesis import expression_synthesis

from semreg.trained.features import frechet_distance


def evaluated(world: Any, **options: Any) -> Any:
    inputs = map(world.tensor, ("image", "x_f", "z_0", "z_shape", "z_tone", "shape", "tone"))
    return expression_synthesis(*inputs, judge=world, **{"attribute": "shape", "pictures": 2, **options})


def test_mean_codes_and_images_codes_show_the_class(world: Any) -> None:
    result = evaluated(world, start="oval")
    for kind in ("", "_by_images"):
        assert result.figures[f"accuracy{kind}"] == result.figures[f"kept{kind}_tone"] == 1
        assert result.figures[f"accuracy{kind}_std"] == 0
    assert [row[0] for row in result.tables[0].rows] == ["round", "oval", "long"]
    assert "12 translated test images" in result.tables[0].caption
    assert "100.0% by mean codes" in result.summary
    assert len(result.pictures) == 2


def test_the_label_style_target_is_the_mean_of_the_training_codes_of_the_class(world: Any) -> None:
    seen: list[torch.Tensor] = []
    draw = world.functions["x_f"]

    def watched(z_0: torch.Tensor, z_shape: torch.Tensor, z_tone: torch.Tensor) -> torch.Tensor:
        seen.append(z_shape)
        return draw(z_0, z_shape, z_tone)  # type: ignore[no-any-return]

    world.functions["x_f"] = watched
    evaluated(world)
    expected = world.tensors["z_shape"]["train"][0::3].mean(0)
    torch.testing.assert_close(seen[0], expected.expand(12, 1, 2, 2))


def test_a_class_that_is_not_shown_is_counted(world: Any) -> None:
    draw = world.functions["x_f"]
    world.functions["x_f"] = lambda z_0, z_shape, z_tone: draw(z_0, z_shape.clamp(max=1), z_tone)
    result = evaluated(world)
    assert result.figures["accuracy"] == pytest.approx(2 / 3)
    assert result.figures["accuracy_std"] == pytest.approx((2 / 9) ** 0.5)
    assert result.tables[0].rows[2] == ("long", 0, 0)


def test_what_the_judge_sees_in_the_test_images_stands_beside(world: Any) -> None:
    world.functions["probability_shape"] = lambda image: torch.eye(3)[torch.zeros(len(image), dtype=torch.int64)]
    result = evaluated(world)
    assert result.figures["judge_on_images"] == pytest.approx(1 / 3)
    assert "It sees 33.3% of the test images as labelled" in result.tables[0].caption


def test_a_picture_shows_the_inputs_and_what_was_made_of_them(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(synthesis, "image_grid", lambda title, rows, **options: shown.append((rows, options)))
    evaluated(world, start="oval")
    assert len(shown) == 2
    inputs = world.tensors["image"]["test"][world.tensors["shape"]["test"] == 1]
    for rows, options in shown:
        assert options["column_labels"] == ["input", "round", "oval", "long"]
        assert len(rows) == 2
        for row, original in zip(rows, inputs, strict=False):
            assert row[0].equal(original)
            shapes = [int((10 * image[0, 1, 0]).round()) for image in row]
            assert shapes == [1, 0, 1, 2]
            assert all(image[0, [0, 2]].equal(original[0, [0, 2]]) for image in row)


def test_a_class_without_images_is_left_out(world: Any) -> None:
    labels = world.tensors["shape"]
    labels["test"][labels["test"] == 2] = 1
    result = evaluated(world)
    assert result.tables[0].rows[2] == ("long", 1.0, None)
    labels["train"][labels["train"] == 0] = 1
    assert evaluated(world).tables[0].rows[0] == ("round", None, 1.0)
    with pytest.raises(ValueError, match="no test image is of class 'long'"):
        evaluated(world, start="long")


def test_what_does_not_fit_is_told(world: Any) -> None:
    with pytest.raises(ValueError, match="start: there is no class 'ovel'; did you mean 'oval'"):
        evaluated(world, start="ovel")
    with pytest.raises(ValueError, match="there is no attribute 'expression'"):
        evaluated(world, attribute="expression")


def test_the_distance_is_that_of_all_syntheses_from_all_test_images(world: Any) -> None:
    made: list[torch.Tensor] = []
    draw = world.functions["x_f"]

    def kept(**codes: torch.Tensor) -> torch.Tensor:
        made.append(draw(**codes))
        return made[-1]

    world.functions["x_f"] = kept
    result = evaluated(world)
    by_means, by_images = torch.cat(made[:3]), torch.cat(made[3:])
    assert len(by_means) == len(by_images) == 36
    real = world.tensor("image").read("test")[:, 0, :3, 0]
    for kind, images in (("", by_means), ("_by_images", by_images)):
        assert result.figures[f"distance_judge{kind}"] == pytest.approx(frechet_distance(images[:, 0, :3, 0], real))
    assert result.figures["distance_judge_by_images"] < result.figures["distance_judge"]  # means have lost the noise
