"""The folder that benchmarks.photographs writes is read as attribute_folder reads any."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photographs import NAME, write
from semreg.data.datasets.attribute_folder import AttributeFolder


def test_the_photographs_their_labels_and_their_splits_are_those_of_the_archive(tmp_path: Path) -> None:
    files = []
    for value in (0, 100, 200):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (value, value, value)).save(file, "JPEG")
        files.append(np.frombuffer(file.getvalue(), np.uint8))
    attributes, splits = np.array([[0, 1], [1, 1], [1, 0]], np.uint8), np.array([0, 2, 1], np.uint8)
    np.savez(
        tmp_path / f"{NAME}.npz",
        jpeg=np.concatenate(files), offsets=np.cumsum([0, *map(len, files)]), attr_min10=attributes, split=splits,
        attr_names=np.array(["Bald", "Young"]),
    )  # fmt: skip
    assert write(tmp_path / f"{NAME}.npz", tmp_path / NAME) == 3
    folder = AttributeFolder(path=NAME, root=tmp_path, size=8)
    source = folder.source()
    assert folder.specification()["attributes"].references()["names"] == ["Bald", "Young"]
    assert np.array_equal(source.labels["attributes"], attributes)
    assert source.split.tolist() == splits.tolist()
    assert source.images is not None
    assert source.images([0, 1, 2]).mean((1, 2, 3)).round().tolist() == [0, 100, 200]
