"""The parts of an image that are taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from semreg_gmprior.evaluations.masks import BOXES, mask_of


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (48, 40), (32, 32)])
def test_named_masks_fit_any_image(name: str, height: int, width: int) -> None:
    assert mask_of(name.replace("_", "-"), height, width)[0] == name
    mask = mask_of(name, height, width)[1]
    assert mask.shape == (height, width)
    share = {"right_half": 0.5, "bottom_half": 0.5, "eyes": 0.18 * 0.5, "nose_mouth": 0.26 * 0.4}[name]
    assert float(mask.float().mean()) == pytest.approx(share, abs=0.04)
    if name in ("eyes", "nose_mouth"):
        assert torch.equal(mask, mask.flip(1))
        assert not mask[0].any()


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("ending", ["png", "tiff", "webp"])
def test_a_mask_of_any_size_and_format_is_cropped_and_resized_as_images_are(
    mode: str, ending: str, tmp_path: Path
) -> None:
    """White are the right half of the central square, and what is cropped away."""
    drawn = Image.new("L", (90, 60))
    drawn.paste(255, (45, 0, 75, 60))
    drawn.paste(255, (0, 0, 15, 60))
    drawn.convert(mode).save(tmp_path / f"drawn.{ending}", **({"lossless": True} if ending == "webp" else {}))
    name, mask = mask_of(str(tmp_path / f"drawn.{ending}"), 8, 8)
    assert name == "drawn"
    assert torch.equal(mask, mask_of("right_half", 8, 8)[1])


def test_what_is_no_mask_is_told_with_the_closest(tmp_path: Path) -> None:
    for name in ("eye", "eyes.png", str(tmp_path), "", "a" * 5000, "eyes\0"):
        with pytest.raises(ValueError, match=r"is neither the name of a mask \(right_half, eyes, .*\) nor a file"):
            mask_of(name, 8, 8)
    with pytest.raises(ValueError, match="did you mean 'bottom_half'"):
        mask_of("buttom-half", 8, 8)


def test_a_named_mask_that_is_rounded_away_is_told() -> None:
    with pytest.raises(ValueError, match="eyes takes no pixel away from images of 2 × 2"):
        mask_of("eyes", 2, 2)
