"""Images in memory are read as those of files are, and give the same codes as tensors."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import semreg
from semreg.core import ImageField
from semreg.trained.images import load_images
from semreg.trained.in_memory import as_read, scaled
from semreg.trained.run import Run

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def run(toy: Callable[..., Path], tmp_path: Path) -> Run:
    overrides = ["data.range=[-1, 1]", "phases.main.epochs=1"]
    return semreg.run(toy(), out=tmp_path / "runs", device="cpu", overrides=overrides)


def test_arrays_and_pictures_give_the_codes_of_the_tensor(run: Run) -> None:
    images = run.tensor("image").read("test")
    pixels = ((images + 1) * 127.5).round().to(torch.uint8)[:, 0].numpy()
    codes = run.encode(images)
    forms: list[Any] = [
        pixels, pixels[..., None], np.repeat(pixels[..., None], 3, axis=3), list(pixels), images.numpy(),
        [Image.fromarray(one) for one in pixels], tuple(Image.fromarray(one).convert("RGB") for one in pixels),
    ]  # fmt: skip
    for form in forms:
        assert torch.allclose(run.encode(form), codes, atol=1e-5)
    assert torch.allclose(run.encode(Image.fromarray(pixels[0])), codes[:1], atol=1e-5)
    assert torch.allclose(
        run.interpolate(pixels[:2], forms[5][2:4]), run.interpolate(images[:2], images[2:4]), atol=1e-5
    )


def test_images_of_any_size_are_read_as_files_are(run: Run, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 30, 50, 4), dtype=np.uint8)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    expected = run.encode(load_images(run, paths))
    assert torch.equal(run.encode(pixels), expected)
    assert torch.equal(run.encode([pixels[0], Image.open(paths[1])]), expected)


def test_a_picture_is_turned_upright_and_stays_as_it_is(run: Run) -> None:
    picture = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4) * 16)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = io.BytesIO()
    picture.rotate(180).save(turned, "PNG", exif=exif)
    given = Image.open(turned)
    assert torch.equal(run.encode(given), run.encode(picture))
    assert given.getexif()[0x0112] == 3


WRONG: list[tuple[Any, str]] = [
    (np.zeros((4, 4), np.uint8), "or uint8 (n, height, width[, 1, 3 or 4]) in [0, 255]; found uint8 (4, 4)"),
    (np.zeros((2, 4, 4, 2), np.uint8), "found uint8 (2, 4, 4, 2)"),
    (np.zeros((0, 4, 4), np.uint8), "found uint8 (0, 4, 4)"),
    (np.zeros((2, 4, 4), bool), "found bool (2, 4, 4)"),
    ([np.zeros((4, 4), np.uint8), np.zeros((4, 4))], "found float64 (4, 4) at place 1"),
    ([np.zeros((4, 4), np.uint8), "b.png"], "or a list of arrays or of Pillow's images; found a str at place 1"),
    (Image.fromarray(np.full((4, 4), 4000, np.uint16)), "8 bits per channel are read"),
]


def test_what_is_no_image_is_told_with_its_shape(run: Run) -> None:
    for images, said in WRONG:
        with pytest.raises(ValueError, match=r"^encode expects \(n, 1, 4, 4\) in \[-1, 1\]") as refused:
            run.encode(images)
        assert said in str(refused.value)


def test_how_the_data_were_read_stands_in_their_record(run: Run) -> None:
    assert as_read(run) == {"white": None, "background": None, "filter": "bilinear"}
    assert scaled([], ImageField(1, 4, 4), (0, 1)).shape == (0, 1, 4, 4)
