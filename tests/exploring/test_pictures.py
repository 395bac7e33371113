"""Images as addresses name them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semreg.core import ImageField
from semreg.exploring import pictures
from semreg.exploring.pictures import image_of, taken
from semreg.trained.images import load_images
from semreg.trained.run import Run


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(mode: str) -> Image.Image:
    grey = Image.fromarray(np.tile(np.linspace(0, 255, 24, dtype=np.uint8), (24, 1)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return grey.convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "LA", "RGBA", "1", "I;16", "CMYK"])
def test_images_of_all_modes_are_the_same_image(mode: str, run: Run) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    found = image_of(run, taken(run, file_of(ramp(mode), kind)))
    assert found.shape == (1, 1, 8, 8)
    plain = image_of(run, taken(run, file_of(ramp("L"))))
    assert (found - plain).abs().max() < (0.5 if mode == "1" else 0.03)


def test_a_file_is_read_as_the_run_reads_files_and_turned_upright(run: Run, tmp_path: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = file_of(ramp("L"), "JPEG", exif=exif, quality=95)
    (tmp_path / "lies.jpg").write_bytes(content)
    found = image_of(run, taken(run, content))
    assert torch.equal(found, load_images(run, [tmp_path / "lies.jpg"]))
    assert found[0, 0, -1].mean() > found[0, 0, 0].mean() + 0.5


def test_a_test_image_is_that_of_the_data(run: Run) -> None:
    assert torch.equal(image_of(run, "test:5"), run.tensor("image").read("test")[5:6])


def bomb(side: int) -> bytes:
    """A PNG that claims so many pixels, and has none."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a readable image"),
        (b"%PDF-1.4", "not a readable image"),
        (file_of(ramp("RGB"))[:60], "not a readable image"),
        (bomb(12_000), "12000 × 12000 pixels are more than the 100,000,000 that are read"),
        (bomb(60_000), "pixels are more than the 100,000,000 that are read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a readable image"),
    ],
)
def test_what_is_no_image_is_refused_in_words(content: bytes, said: str, run: Run) -> None:
    with pytest.raises(ValueError, match=said):
        taken(run, content)


def test_a_large_file_is_not_even_opened(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="11 bytes are more than the 10"):
        taken(run, b"x" * 11)


@settings(max_examples=30, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"png:[A-Za-z0-9_-]{0,80}={0,2}", fullmatch=True)))
def test_any_other_text_names_no_image(text: str) -> None:
    run: Any = SimpleNamespace(
        fields={"image": ImageField(1, 8, 8)}, counts={"test": 0}, roles=SimpleNamespace(input="image")
    )
    with pytest.raises(ValueError, match=r"names no image|holds no image|there is no test image"):
        image_of(run, text)


def test_an_image_of_another_size_is_none_of_the_runs(run: Run) -> None:
    import base64

    other = base64.urlsafe_b64encode(file_of(ramp("L"))).decode()
    with pytest.raises(ValueError, match="the address holds no image of 8 × 8 pixels"):
        image_of(run, f"png:{other}")
