from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from semreg.core import UserError
from semreg.data.images import ImageArray, ImageFiles, fitted, read_image, resized


def test_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", size=7, channels=3)
    assert read.dtype == np.uint8
    assert np.array_equal(read, pixels.transpose(2, 0, 1))
    assert read_image(tmp_path / "a.png", size=7, channels=1).shape == (1, 7, 7)


def test_the_central_square(tmp_path: Path) -> None:
    pixels = np.zeros((218, 178, 3), dtype=np.uint8)
    pixels[20:198] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png", size=178, channels=3) == 200).all()
    assert (read_image(tmp_path / "a.png", size=50, channels=3) == 200).all(), "nothing shines in from outside"


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(1, 30))
def test_any_size_from_any_size(width: int, height: int, to_width: int, to_height: int) -> None:
    pixels = fitted(Image.new("RGB", (width, height), (9, 8, 7)), size=(to_height, to_width), channels=3)
    assert pixels.shape == (3, to_height, to_width)
    assert np.ptp(pixels, axis=(1, 2)).tolist() == [0, 0, 0], "no border of another colour"
    assert pixels[:, 0, 0].tolist() == [9, 8, 7]


def test_antialiased(tmp_path: Path) -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    Image.fromarray(stripes).save(tmp_path / "a.png")
    small = read_image(tmp_path / "a.png", size=16, channels=1)[:, 2:-2, 2:-2]
    assert (abs(small.astype(int) - 127) < 10).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_any_mode_of_8_bits(mode: str, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), (255, 255, 255)).convert(mode).save(tmp_path / "a.tif")
    for channels in (1, 3):
        read = read_image(tmp_path / "a.tif", size=9, channels=channels)
        assert read.shape == (channels, 9, 9)
        assert (read > 250).all()


def test_turned_upright(tmp_path: Path) -> None:
    image = Image.new("L", (8, 8), 0)
    image.paste(255, (0, 0, 8, 4))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    read = read_image(tmp_path / "a.jpg", size=8, channels=1)
    assert read[0, :4].mean() < 20
    assert read[0, 4:].mean() > 230


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg(size: int = 64) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def tiff_16_bits() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable image"),
        (b"no image at all", "not a readable image"),
        (jpeg()[:700], "not a readable image: .*truncated"),
        (b"\xff\xd8\xff" + bytes(500), "not a readable image"),
        (bomb(10_001, 10_000), "10001 × 10000 pixels are more than the 100,000,000"),
        (bomb(100_000, 100_000), "its pixels are more than the 100,000,000"),
        (bomb(1, 100_001), "1 × 100001 pixels one side is above the 100,000"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "none of BMP"),
        (tiff_16_bits(), "8 bits per channel are read"),
    ],
)
def test_bad_images_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read_image(tmp_path / "bad.jpg", size=8, channels=3)
    assert error.value.source.endswith("bad.jpg")


@pytest.mark.filterwarnings("error")
def test_what_pil_warns_of_is_not_told(tmp_path: Path) -> None:
    palette = Image.new("P", (9, 9), 1)
    palette.info["transparency"] = bytes(range(256))
    palette.save(tmp_path / "a.png")  # PIL: "Palette images with Transparency expressed in bytes should be converted"
    assert read_image(tmp_path / "a.png", size=9, channels=3).shape == (3, 9, 9)


def test_damaged_metadata_do_not_make_a_bad_image(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 50)
    assert read_image(tmp_path / "a.jpg", size=9, channels=3).shape == (3, 9, 9)


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp"])
def test_the_first_of_many_pictures(name: str, tmp_path: Path) -> None:
    frames = [Image.new("L", (9, 9), value) for value in (250, 0)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / name, size=9, channels=1) > 240).all()


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.jpg: there is no such image"):
        read_image(tmp_path / "gone.jpg", size=8, channels=3)


def test_readers_pickle_and_agree(draw: Any, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, size=(12, 10))
    files = pickle.loads(pickle.dumps(ImageFiles(str(tmp_path), np.array(["a.png", "b.png"]), 6, 3)))
    pixels = np.stack([np.asarray(Image.open(tmp_path / name)).transpose(2, 0, 1) for name in ("a.png", "b.png")])
    array = ImageArray(pixels, (6, 6))
    assert files([1, 0]).shape == (2, 3, 6, 6)
    assert np.array_equal(files([1, 0]), array([1, 0]))


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_resized(channels: int) -> None:
    pixels = np.full((5, channels, 8, 6), 99, dtype=np.uint8)
    assert resized(pixels, (8, 6)).shape == (5, channels, 8, 6)
    assert (resized(pixels, 16) == np.full((5, channels, 16, 16), 99)).all()


def test_a_shape_that_is_no_square(tmp_path: Path) -> None:
    for name, options in (("a.png", {}), ("a.jpg", {"quality": 95})):
        image = Image.new("L", (160, 40), 0)
        image.paste(200, (40, 0, 120, 40))  # twice as wide as high, at the centre
        image.save(tmp_path / name, **options)
        read = read_image(tmp_path / name, size=(10, 20), channels=1)
        assert read.shape == (1, 10, 20)
        assert (abs(read[:, :, 1:-1].astype(int) - 200) < 5).all()


def test_the_filter_that_resizes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    found = {}
    for name in ("bilinear", "box", "lanczos"):
        expected = np.asarray(image.resize((10, 10), Image.Resampling[name.upper()])).transpose(2, 0, 1)
        found[name] = read_image(tmp_path / "a.png", size=10, channels=3, filter=name)  # type: ignore[arg-type]
        assert np.array_equal(found[name], expected)
        reader = ImageFiles(str(tmp_path), np.array(["a.png"]), 10, 3, filter=name)  # type: ignore[arg-type]
        assert np.array_equal(reader([0])[0], expected)
        assert np.array_equal(resized(pixels.transpose(2, 0, 1)[None], 10, name)[0], expected)  # type: ignore[arg-type]
    assert np.array_equal(found["bilinear"], read_image(tmp_path / "a.png", size=10, channels=3)), "the usual one"
    assert not np.array_equal(found["box"], found["lanczos"])
