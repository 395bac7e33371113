"""Images as files: every pixel as it was, enlarged and clipped; animations; whole or as it was."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from semreg.core.errors import CannotWrite
from semreg.pictures import gif, png, write_picture
from semreg.pictures.files import strip


@given(st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.floats(-3, 3))
def test_pixels_are_enlarged_and_clipped(channels: int, height: int, width: int, scale: int, value: float) -> None:
    image = torch.full((channels, height, width), value)
    image[:, 0, 0] = -1.0
    shown = np.asarray(Image.open(BytesIO(png(image, (-1, 1), scale=scale))))
    assert shown.shape == (height * scale, width * scale, 3)[: 2 if channels == 1 else 3]
    assert (shown[:scale, :scale] == 0).all()
    if height * width > 1:
        assert (shown[-1, -1] == round((min(max(value, -1), 1) + 1) / 2 * 255)).all()


def test_a_gif_shows_all_images_for_ever(tmp_path: Path) -> None:
    images = torch.stack([torch.full((1, 4, 4), value) for value in (0.0, 0.5, 1.0)])
    (tmp_path / "a.gif").write_bytes(gif(list(images), (0, 1)))
    with Image.open(tmp_path / "a.gif") as shown:
        assert (shown.n_frames, shown.size, shown.info["loop"]) == (3, (128, 128), 0)
        shown.seek(2)
        assert np.asarray(shown.convert("L")).min() == 255
    with pytest.raises(ValueError, match="at least one image"):
        gif([], (0, 1))


def test_a_file_is_written_into_a_folder_of_its_own_or_stays_as_it_was(tmp_path: Path) -> None:
    write_picture(tmp_path / "deep" / "down" / "a.png", b"one")
    write_picture(str(tmp_path / "deep" / "down" / "a.png"), b"two")
    assert [path.read_bytes() for path in (tmp_path / "deep" / "down").iterdir()] == [b"two"]
    for place in (tmp_path / "deep", tmp_path / "deep" / "down" / "a.png" / "b.png"):
        with pytest.raises(CannotWrite, match="choose another place by --out"):
            write_picture(place, b"three")
    assert [path.read_bytes() for path in (tmp_path / "deep" / "down").iterdir()] == [b"two"]


@pytest.mark.parametrize("shape", [(4, 32), (32, 4)])
def test_a_gif_is_enlarged_as_far_as_its_longer_side_allows(shape: tuple[int, int]) -> None:
    height, width = shape
    images = [torch.zeros(3, height, width), torch.ones(3, height, width)]
    assert Image.open(BytesIO(gif(images, (0, 1)))).size == (4 * width, 4 * height)
    assert Image.open(BytesIO(gif(images, (0, 1), scale=2))).size == (2 * width, 2 * height)
    assert Image.open(BytesIO(gif([torch.zeros(1, 150, 70)], (0, 1)))).size == (70, 150), "and never made smaller"


def test_a_strip_has_a_row_for_each_tensor_whatever_their_shapes() -> None:
    grey, coloured = torch.zeros(3, 1, 8, 8), torch.full((2, 3, 40, 30), 9.0)
    coloured[1] = -9.0
    shown = np.asarray(Image.open(BytesIO(strip([grey, coloured], (-1, 1)))))
    assert shown.shape == (64 + 3 + 40 + 3, 3 * 67, 3), "8 pixels are enlarged to 64, and 40 stay"
    assert (shown[:64, :64] == 128).all()
    assert (shown[67:107, :30] == 255).all()
    assert (shown[67:107, 33:63] == 0).all()
    assert (shown[67:, 66:] == 255).all()
    with pytest.raises(ValueError, match="an image has shape"):
        strip([torch.zeros(2, 2, 8, 8)], (0, 1))
