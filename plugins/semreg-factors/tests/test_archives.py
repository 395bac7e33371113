from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from semreg_factors.archives import ArchivedArray

from semreg.core import UserError
from tests.hostile import Bomb

IMAGES = np.random.default_rng(0).integers(0, 256, (600, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_of_an_array_in_any_order(save: Any, tmp_path: Path) -> None:
    save(tmp_path / "a.npz", imgs=IMAGES, metadata=np.array({"a": Bomb(tmp_path / "opened")}, dtype=object))
    rows = ArchivedArray(tmp_path / "a.npz", "imgs", (600, 4, 3)).open()
    assert not (tmp_path / "opened").exists()
    for wanted in ([3, 5, 599], [256, 0, 512, 1], [599]):
        assert np.array_equal(rows(np.array(wanted)), IMAGES[wanted])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"imgs": IMAGES[:5]}, r"imgs  uint8 \(5, 4, 3\); expected uint8 \(600, 4, 3\)"),
        ({"imgs": IMAGES.astype(np.int16)}, r"imgs  int16 \(600, 4, 3\); expected uint8"),
        ({"imgs": np.asfortranarray(IMAGES)}, r"expected uint8 \(600, 4, 3\)"),
        ({"others": IMAGES}, "no item named 'imgs.npy'"),
    ],
)
def test_another_array_is_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message):
        ArchivedArray(tmp_path / "a.npz", "imgs", (600, 4, 3)).open()


def test_pickled_objects_are_refused_and_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", imgs=np.array([Bomb(tmp_path / "opened")] * 600, dtype=object))
    with pytest.raises(UserError, match=r"object \(600,\); expected uint8"):
        ArchivedArray(tmp_path / "a.npz", "imgs", (600, 4, 3)).open()
    assert not (tmp_path / "opened").exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    array = ArchivedArray(path, "imgs", (600, 4, 3))
    path.write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"a\.npz: 1 error\n  imgs  can't be read: File is not a zip file"):
        array.open()
    np.savez_compressed(path, imgs=IMAGES)
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset + 60
    content = bytearray(path.read_bytes())
    content[start + 2000 : start + 2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(UserError, match="can't be read"):
        array.open()(np.arange(600))
