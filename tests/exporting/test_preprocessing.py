"""Images are read in an exported module as Pillow and `semreg.data.images` read them."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from semreg.core import ImageField
from semreg.data.images import as_pixels, fitted
from semreg.data.pixels import Filter
from semreg.exporting.preprocessing import Preprocessing

SIDES = st.integers(1, 70)


def noise(height: int, width: int, most: int = 255) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, most + 1, (height, width, 3), dtype=np.uint8)


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.sampled_from(get_args(Filter)))
@example(48, 47, 33, 16, 3, "lanczos")  # of which Pillow 13 resizes columns before rows
@example(36, 33, 40, 18, 1, "bilinear")  # in which a pixel of 720 is two levels away
def test_any_size_is_read_to_a_grey_level(
    height: int, width: int, wanted_height: int, wanted_width: int, channels: int, filter: Filter
) -> None:
    pixels = noise(height, width)
    wanted = fitted(
        Image.fromarray(pixels), size=(wanted_height, wanted_width), channels=channels, filter=filter
    ).astype(int)
    module = Preprocessing(ImageField(channels, wanted_height, wanted_width), (0, 1), filter)
    found = module.pixels(torch.from_numpy(pixels)[None])[0].numpy().astype(int)
    assert found.shape == wanted.shape
    away = np.abs(found - wanted)
    assert away.max() <= 2
    assert (away > 1).sum() <= max(1, away.size // 100)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_the_size_is_read_exactly(channels: int) -> None:
    pixels = noise(9, 9)
    module = Preprocessing(ImageField(channels, 9, 9), (-1, 1), "bilinear")
    wanted = torch.from_numpy(fitted(Image.fromarray(pixels), size=9, channels=channels)).float() * (2 / 255) - 1
    assert torch.equal(module(torch.from_numpy(pixels)[None])[0], wanted)


@pytest.mark.parametrize("white", [1, 15, 100])
def test_white_is_what_the_data_say(white: int) -> None:
    pixels = noise(12, 8, most=white)
    wanted = as_pixels(Image.fromarray(pixels), size=8, channels=1, white=white).astype(int)
    module = Preprocessing(ImageField(1, 8, 8), (0, 1), "bilinear", white)
    found = module.pixels(torch.from_numpy(pixels)[None])[0].numpy().astype(int)
    assert np.abs(found - wanted).max() <= 1
    assert found.max() > 200
