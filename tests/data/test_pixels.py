"""What is white, and what a transparent pixel shows."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from semreg.core import UserError
from semreg.data.cache import cached
from semreg.data.datasets.image_folder import ImageFolder
from semreg.data.images import ImageFiles, read_image
from semreg.data.pixels import WhiteError, eight_bits, laid_on, line_for, seen_on, shown_light


def deep_png(pixels: Any) -> bytes:
    """A PNG of 16 bits per channel, `(height, width, 3)`, which PIL does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# --- white ---


@given(st.lists(st.integers(0, 4095), min_size=1, max_size=20))
def test_eight_bits_are_the_share_of_white_rounded(values: list[int]) -> None:
    found = eight_bits(np.array(values, dtype=np.uint16), 4095)
    assert found.dtype == np.uint8
    assert found.tolist() == [round(255 * value / 4095) for value in values]


def test_bytes_stay_as_they_are() -> None:
    values = np.arange(256, dtype=np.uint8)
    assert eight_bits(values, 255) is values
    assert eight_bits(np.array([0.0, 0.5, 1.0]), 1.0).tolist() == [0, 128, 255]
    assert eight_bits(np.empty((0, 2), np.float32), 1.0).shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, 1.5], "values up to 1.5, above white = 1; `white = 15` under"),
        ([-1.0, 1.0], "values from -1 to 1; black is 0"),
        ([0.0, np.nan], "not finite"),
        ([0.0, np.inf], "not finite"),
    ],
)
def test_values_that_white_does_not_fit_are_refused(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eight_bits(np.array(values), 1.0)


def test_the_line_names_the_next_white() -> None:
    found = [line_for(largest).split("`")[1] for largest in (0.0, 0.4, 1, 7, 16, 200, 1000, 4095, 65000, 70000)]
    assert found == [
        "white = 255", "white = 1", "white = 1", "white = 15", "white = 16", "white = 255", "white = 1023",
        "white = 4095", "white = 65535", "white = 70000",
    ]  # fmt: skip


def test_grey_of_16_bits_needs_to_be_told_what_is_white(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 4095, dtype=np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(WhiteError, match=r"a\.png: not a readable image: .*'I;16', up to 4095; .*`white = 4095` under"):
        read_image(tmp_path / "a.png", size=4, channels=1)
    assert (read_image(tmp_path / "a.png", size=4, channels=3, white=4095) == 255).all()
    assert (read_image(tmp_path / "a.png", size=4, channels=1, white=65535) == 16).all()
    with pytest.raises(WhiteError, match=r"up to 4095, above white = 255; `white = 4095` under"):
        read_image(tmp_path / "a.png", size=4, channels=1, white=255)


def test_real_numbers_in_a_tiff(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5], [1.0, 0.25]], dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(WhiteError, match="`white = 1`"):
        read_image(tmp_path / "a.tif", size=2, channels=1)
    assert read_image(tmp_path / "a.tif", size=2, channels=1, white=1)[0].tolist() == [[0, 128], [255, 64]]


def test_colours_of_16_bits_are_not_taken_silently(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint16)
    pixels[..., 0] = 0x80FF
    (tmp_path / "a.png").write_bytes(deep_png(pixels))
    with pytest.raises(WhiteError, match="colours of 16 bits are read with `white = 65535` under"):
        read_image(tmp_path / "a.png", size=4, channels=3)
    with pytest.raises(WhiteError, match="not 4095; an archive"):
        read_image(tmp_path / "a.png", size=4, channels=3, white=4095)
    assert read_image(tmp_path / "a.png", size=4, channels=3, white=65535)[:, 0, 0].tolist() == [0x80, 0, 0]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_masks_of_eight_bits_are_stretched(mode: str, tmp_path: Path) -> None:
    mask = Image.new("L", (4, 4), 1)
    mask.putpixel((0, 0), 0)
    mask.convert(mode).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", size=4, channels=1, white=1)
    assert read[0].tolist() == [[0, 255, 255, 255]] + 3 * [[255] * 4]


def test_images_of_eight_bits_among_deep_ones_keep_their_white(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 200).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png", size=4, channels=1, white=65535) == 200).all()
    Image.new("1", (4, 4), 1).save(tmp_path / "b.png")
    assert (read_image(tmp_path / "b.png", size=4, channels=1, white=1) == 255).all()
    with pytest.raises(WhiteError, match="up to 200, above white = 15; `white = 255`"):
        read_image(tmp_path / "a.png", size=4, channels=1, white=15)


def folder(root: Path, *, bits: int, count: int = 12) -> None:
    for index in range(count):
        path = root / "scans" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = np.uint16 if bits > 8 else np.uint8
        Image.fromarray(np.full((5, 5), (2**bits - 1) // (1 + index % 2), dtype=kind)).save(path)


def test_a_folder_of_deep_images_is_refused_once_with_the_line(tmp_path: Path) -> None:
    folder(tmp_path, bits=16)
    with pytest.raises(WhiteError) as refused:
        cached(ImageFolder(root=tmp_path, path="scans"), folder=tmp_path / "c", skip_bad_images=True)
    assert len(refused.value.text().splitlines()) == 1
    data = cached(ImageFolder(root=tmp_path, path="scans", size=5, white=65535), folder=tmp_path / "c")
    assert data.arrays["image"][:, 0, 0, 0].unique().tolist() == [127, 255]
    assert data.told["pixels"] == {"white": 65535, "least": 127, "largest": 255}
    assert data.remarks == ()


def test_files_that_all_are_nearly_black_are_told(tmp_path: Path) -> None:
    folder(tmp_path, bits=4)
    data = cached(ImageFolder(root=tmp_path, path="scans"), folder=tmp_path / "c")
    assert data.remarks == ("the largest pixel of all images is 15, where 255 is white; if it is not, write "
                            "`white = 15` under [data]",)  # fmt: skip
    assert cached(ImageFolder(root=tmp_path, path="scans", white=15), folder=tmp_path / "c").remarks == ()
    assert cached(ImageFolder(root=tmp_path, path="scans", white=255), folder=tmp_path / "c").remarks == ()


def test_images_that_are_all_alike_are_told(tmp_path: Path) -> None:
    for index in range(6):
        (tmp_path / "dead/all").mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 90).save(tmp_path / f"dead/all/{index}.png")
    data = cached(ImageFolder(root=tmp_path, path="dead"), folder=tmp_path / "c")
    assert data.remarks == ("all pixels of all images are 90; a model can't learn from them",)


# --- transparent pixels ---


def disc(below: tuple[int, int, int, int], colour: tuple[int, int, int] = (255, 0, 0)) -> Image.Image:
    image = Image.new("RGBA", (24, 24), below)
    ImageDraw.Draw(image).ellipse((4, 4, 19, 19), fill=(*colour, 255))
    return image


def test_what_lies_below_transparent_pixels_is_not_seen(tmp_path: Path) -> None:
    for name, below in {"opaque": (255,) * 4, "red": (255, 0, 0, 0), "black": (0, 0, 0, 0)}.items():
        for index in range(5):
            (tmp_path / f"discs/{name}").mkdir(parents=True, exist_ok=True)
            disc(below).save(tmp_path / f"discs/{name}/{index}.png")  # type: ignore[arg-type]
    data = cached(ImageFolder(root=tmp_path, path="discs", size=24), folder=tmp_path / "c")
    assert (data.arrays["image"] == data.arrays["image"][0]).all()
    assert data.arrays["image"][0, :, 0, 0].tolist() == [255, 255, 255]
    assert data.arrays["image"][0, :, 12, 12].tolist() == [255, 0, 0]
    assert data.told["pixels"]["background"] == "white"
    assert data.told["pixels"]["transparent"] == 15
    stated = cached(ImageFolder(root=tmp_path, path="discs", size=24, background="black"), folder=tmp_path / "c")
    assert stated.arrays["image"][5:, :, 0, 0].sum() < data.arrays["image"][5:, :, 0, 0].sum()
    assert stated.fingerprint != data.fingerprint


@pytest.mark.parametrize(("ink", "background"), [((0, 0, 0), "white"), ((255, 255, 255), "black")])
def test_ink_lies_where_it_is_seen(ink: tuple[int, int, int], background: str, tmp_path: Path) -> None:
    for index in range(4):
        (tmp_path / "ink/all").mkdir(parents=True, exist_ok=True)
        disc((*(255 - value for value in ink), 0), ink).save(tmp_path / f"ink/all/{index}.png")
    data = cached(ImageFolder(root=tmp_path, path="ink", size=8, grey=True), folder=tmp_path / "c")
    assert data.told["pixels"]["background"] == background
    assert data.arrays["image"].amin() < 10
    assert data.arrays["image"].amax() > 245


@pytest.mark.parametrize("form", ["palette.png", "key.png", "grey.png", "a.gif", "a.webp"])
def test_every_form_of_transparency(form: str, tmp_path: Path) -> None:
    image = disc((0, 0, 0, 0), (20, 20, 20))
    if form == "palette.png":
        image.quantize(4).save(tmp_path / form)
    elif form == "key.png":
        Image.composite(image.convert("RGB"), Image.new("RGB", image.size), image.getchannel("A")).save(
            tmp_path / form, transparency=(0, 0, 0)
        )
    elif form == "grey.png":
        image.convert("LA").save(tmp_path / form)
    else:
        image.save(tmp_path / form, **({"lossless": True} if form == "a.webp" else {}))
    read = read_image(tmp_path / form, size=24, channels=3)
    assert read[:, 0, 0].tolist() == [255, 255, 255]
    assert abs(read[:, 12, 12].astype(int) - 20).max() < 3


def test_half_transparent_pixels_are_mixed() -> None:
    image = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    for background, value in (("white", 127), ("black", 0)):
        assert laid_on(image, background).getpixel((0, 0)) == (value,) * 3  # type: ignore[arg-type]


def test_wholly_opaque_images_are_as_they_are() -> None:
    image = Image.new("RGBA", (2, 2), (9, 8, 7, 255))
    assert laid_on(image, "black") is image
    assert shown_light(image) is None
    assert shown_light(image.convert("RGB")) is None
    assert shown_light(Image.new("RGBA", (2, 2), (9, 8, 7, 0))) is None, "nothing is shown"
    assert shown_light(disc((0, 0, 0, 0), (200, 200, 200))) == pytest.approx(200, abs=1)
    assert (seen_on([]), seen_on([100, 100, 250]), seen_on([200, 200, 20])) == ("white", "black", "black")


def test_the_choice_is_the_data_set_s_and_not_the_image_s(tmp_path: Path) -> None:
    names = np.array([f"{index}.png" for index in range(5)])
    for index, name in enumerate(names):
        disc((0, 0, 0, 0), (255, 255, 255) if index == 4 else (0, 0, 0)).save(tmp_path / name)
    reader = ImageFiles(str(tmp_path), names, 24, 1)
    assert reader.prepare() == {"background": "white", "transparent": 5}
    assert (reader([4]) == 255).all(), "white ink on white, as most are black"
    assert (read_image(tmp_path / "4.png", size=24, channels=1) == 0).any(), "by itself it lies on black"
    lost = ImageFiles(str(tmp_path), np.array([*names, "gone.png"]), 24, 1)
    assert lost.prepare()["transparent"] == 5, "what can't be read is told when it is read"
    with pytest.raises(UserError, match="no such image file"):
        lost([5])


def test_jpegs_are_not_opened_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    disc((0, 0, 0, 0)).save(file, "PNG")
    (tmp_path / "a.JPG").write_bytes(file.getvalue())
    assert ImageFiles(str(tmp_path), np.array(["a.JPG"]), 4, 1).prepare() == {}
