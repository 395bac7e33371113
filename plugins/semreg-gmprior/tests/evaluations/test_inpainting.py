"""What a model sees, what is set into the image, and how far it is from the truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from semreg_gmprior.evaluations.inpainting import inpainting
from semreg_gmprior.evaluations.masks import BOXES
from torch import Tensor

from semreg.core import Result, UserError
from semreg.trained import rows


def filled(world: Any, model: Any, **options: Any) -> Result:
    world.functions["x_f"] = model
    inputs = [world.tensor(name) for name in ("image", "x_f", "digit")]
    return inpainting(*inputs, **options)


def mask_file(path: Path, mask: Any) -> str:
    Image.fromarray(np.asarray(mask, dtype=np.uint8) * 255).save(path)
    return str(path)


def test_the_model_sees_grey_where_the_image_is_taken_away_and_the_label(world: Any) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def model(image: Tensor, digit: Tensor) -> Tensor:
        seen.append((image, digit))
        return image

    world.value_range = (-1.0, 1.0)
    result = filled(world, model, masks=["right_half", "bottom_half"])
    originals, labels = world.tensors["image"]["test"], world.tensors["digit"]["test"]
    assert [torch.equal(digit, labels) for _, digit in seen] == [True, True]
    assert (seen[0][0][..., 4:] == 0).all()
    assert torch.equal(seen[0][0][..., :4], originals[..., :4])
    assert (seen[1][0][..., 4:, :] == 0).all()
    assert torch.equal(seen[1][0][..., :4, :], originals[..., :4, :])
    # it gave back what it saw
    assert result.figures["psnr_right_half"] == result.figures["psnr_fill_right_half"]


def test_the_model_sees_the_mean_training_image_where_that_is_the_fill(world: Any) -> None:
    seen: list[Tensor] = []

    def model(image: Tensor, digit: Tensor) -> Tensor:
        seen.append(image)
        return image

    figures = filled(world, model, masks=["right_half"], fill="mean", passes=2).figures
    average = world.tensors["image"]["train"].double().mean(0).float()
    assert len(seen) == 2
    torch.testing.assert_close(seen[0][..., 4:], average[..., 4:].expand(60, -1, -1, -1))
    assert figures["psnr"] == pytest.approx(figures["psnr_mean_image"])


def test_a_perfect_model_has_no_error_and_is_recognised(world: Any) -> None:
    result = filled(world, lambda image, digit: world.tensors["image"]["test"], judge=world, masks=list(BOXES)[:1])
    assert result.figures["psnr"] == math.inf
    assert result.figures["recognised_right_half"] == 1
    assert math.isfinite(result.figures["psnr_mean_image"])


def test_the_judge_sees_what_is_filled_in_and_what_the_model_saw(world: Any, tmp_path: Path) -> None:
    upper = torch.zeros(8, 8)
    upper[:4] = 1
    masks = [mask_file(tmp_path / "upper.png", upper)]
    figures = filled(world, lambda image, digit: world.tensors["image"]["test"], judge=world, masks=masks).figures
    assert figures["recognised_upper"] == 1
    assert figures["recognised_fill_upper"] == pytest.approx(1 / 3)  # grey is 0: always class a


def test_outside_the_part_the_model_counts_for_nothing(world: Any) -> None:
    originals = world.tensors["image"]["test"]

    def model(image: Tensor, digit: Tensor) -> Tensor:
        return torch.cat([torch.full_like(image[..., :4], 7.0), originals[..., 4:] + 0.25], 3)

    figures = filled(world, model, masks=["right_half"], fill=0.0).figures
    assert figures["psnr_right_half"] == pytest.approx(-20 * math.log10(0.25), abs=0.01)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), fill=st.floats(0, 1))
def test_it_is_the_plain_formula(seed: int, fill: float, world: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((8, 8)) < 0.4
    mask[0, 0] = True
    copies = torch.from_numpy(random.random((60, 1, 8, 8))).float()
    name = mask_file(tmp_path / "any.png", mask)
    figures = filled(world, lambda image, digit: copies, masks=[name], fill=fill).figures
    originals = world.tensors["image"]["test"].double().numpy()
    average = world.tensors["image"]["train"].double().numpy().mean(0)
    for kind, values in (("psnr", copies.numpy()), ("psnr_fill", fill), ("psnr_mean_image", average)):
        errors = (np.broadcast_to(values, originals.shape) - originals)[:, 0, mask] ** 2
        assert figures[f"{kind}_any"] == pytest.approx(-10 * math.log10(errors.mean()), abs=1e-4)
        assert figures[kind] == figures[f"{kind}_any"]


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (["eye"], r"'eye' is neither the name of a mask \(right_half, .*\) nor a file; did you mean 'eyes'"),
        (["empty.png"], "empty takes no pixel away from images of 8 × 8"),
        (["full.png"], "full takes every pixel away from images of 8 × 8"),
        (["eyes", "eyes"], "two of eyes, eyes have one name"),
        (["nose_mouth", "nose-mouth"], "two of nose_mouth, nose-mouth have one name"),
    ],
)
def test_masks_that_do_not_fit_are_refused(
    masks: list[str], message: str, world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mask_file(Path("full.png"), np.ones((9, 8)))
    mask_file(Path("empty.png"), np.zeros((8, 8)))
    with pytest.raises(ValueError, match=message):
        filled(world, lambda image, digit: image, masks=masks)


def test_a_mask_that_cannot_be_read_is_refused_by_name(world: Any, tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(UserError, match=r"damaged\.png: not a readable image"):
        filled(world, lambda image, digit: image, masks=[str(tmp_path / "damaged.png")])


def test_a_reconstruction_of_another_size_is_refused(world: Any) -> None:
    with pytest.raises(ValueError, match=r"'x_f' must be images of shape \(1, 8, 8\), found \(1, 6, 6\)"):
        filled(world, lambda image, digit: image[..., 1:7, 1:7])


def test_a_judge_needs_the_label(world: Any) -> None:
    with pytest.raises(ValueError, match="with a judge the label is needed"):
        inpainting(world.tensor("image"), world.tensor("x_f"), judge=world)


def test_in_parts_it_is_as_all_at_once(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def model(image: Tensor, digit: Tensor) -> Tensor:
        return image.flip(3)

    whole = filled(world, model, judge=world, pictures=9)
    monkeypatch.setattr(rows, "BATCH", 7)
    monkeypatch.setattr(rows, "NUMBERS_AT_ONCE", 1)
    parts = filled(world, model, judge=world, pictures=9)
    assert parts.figures == pytest.approx(whole.figures, rel=1e-12)
    assert parts.pictures == whole.pictures
    assert "recognised_fill_eyes" in parts.figures
