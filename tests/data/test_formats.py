"""Formats that are read where a package is there, and counted where it is not."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from semreg.core import UserError
from semreg.data import formats
from semreg.data.files import list_folder
from semreg.data.images import read_image


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    formats.installed.cache_clear()
    yield
    formats.installed.cache_clear()


class HeifStandIn(ImageFile.ImageFile):
    """A "HEIF" that is a PNG behind twelve bytes, read as packages for HEIC make PIL read it."""

    format = "HEIF"

    def _open(self) -> None:
        content = self.fp.read()
        if content[4:12] != b"ftypheic":
            raise SyntaxError("no HEIF")
        inner = Image.open(io.BytesIO(content[12:]))
        self._mode, self._size = "RGB", inner.size
        self.im = inner.convert("RGB").im

    def load(self) -> None:
        pass


@pytest.fixture
def heif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package pillow-heif, as far as we use it."""
    module = ModuleType("pillow_heif")
    module.register_heif_opener = lambda: Image.register_open("HEIF", HeifStandIn)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    yield
    Image.OPEN.pop("HEIF", None)
    Image.ID[:] = [name for name in Image.ID if name != "HEIF"]


def write_heic(path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (6, 6), (10, 20, 30)).save(file, "PNG")
    path.write_bytes(b"\0\0\0\x0cftypheic" + file.getvalue())


def test_heic_is_read_where_its_package_is_there(heif: None, tmp_path: Path) -> None:
    write_heic(tmp_path / "IMG_1.HEIC")
    assert list(list_folder(tmp_path).images) == ["IMG_1.HEIC"]
    assert read_image(tmp_path / "IMG_1.HEIC", size=2, channels=3)[:, 0, 0].tolist() == [10, 20, 30]
    assert formats.unread({".heic": 1}) == ()


@pytest.fixture
def no_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # an import of it fails


def test_heic_is_counted_where_its_package_is_not(no_heif: None, tmp_path: Path) -> None:
    write_heic(tmp_path / "IMG_1.HEIC")
    write_heic(tmp_path / "b.heif")
    images, others = list_folder(tmp_path)
    assert images == {}
    assert others == {".heic": 1, ".heif": 1}
    assert formats.unread(others | {".txt": 3}) == (
        "1 .heic and 1 .heif files are images, and not used: to read them install pillow-heif",
    )
    with pytest.raises(UserError, match="none of BMP, "):
        read_image(tmp_path / "IMG_1.HEIC", size=2, channels=3)


def test_a_package_that_is_broken_is_as_if_it_were_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", ModuleType("pillow_heif"))  # without register_heif_opener
    assert ".heic" not in formats.endings()


@pytest.mark.skipif("avif" not in features.modules or not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read_by_pillow_itself(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(tmp_path / "a.avif", quality=100)
    assert list(list_folder(tmp_path).images) == ["a.avif"]
    assert abs(int(read_image(tmp_path / "a.avif", size=4, channels=1)[0, 0, 0]) - 200) < 3


def test_avif_without_support_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: False)
    monkeypatch.setitem(sys.modules, "pillow_avif", None)
    assert ".avif" not in formats.endings()
    assert formats.unread({".avif": 2}) == (
        "2 .avif files are images, and not used: to read them install Pillow 11.3 or later",
    )
