from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from semreg_factors.grid import FactorGrid, steps
from semreg_factors.shapes3d import HDF5Array, Shapes3D

from semreg.core import UserError
from semreg.data.cache import cached
from semreg.testing import check_dataset

SIZES = {"floor_hue": 1, "wall_hue": 3, "object_hue": 2, "scale": 2, "shape": 4, "orientation": 7}
GRID = FactorGrid({name: steps(size) for name, size in SIZES.items()})


def test_without_h5py_the_way_to_get_it_is_said(publish) -> None:
    root = publish(Shapes3D, GRID, {"3dshapes.h5": b""})
    with (
        patch("semreg_factors.shapes3d.find_spec", return_value=None),
        pytest.raises(UserError, match=r"h5py, which reads it, is missing: pip install 'semreg-factors\[shapes3d\]'"),
    ):
        Shapes3D(root=root).locate()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (GRID.count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def root(publish, images: np.ndarray, tmp_path: Path) -> Path:
    h5py = pytest.importorskip("h5py", reason="optional: `make test-optional` installs it")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(300, 16, 16, 1), compression="gzip")
        file["labels"] = np.stack([*GRID.classes(np.arange(GRID.count)).values()], axis=1).astype(float)
    return publish(Shapes3D, GRID, {"3dshapes.h5": (tmp_path / "a.h5").read_bytes()})


def test_it_conforms(root: Path) -> None:
    check_dataset(Shapes3D, root=root, options={"size": 16, "count": 200})


def test_read(root: Path, images: np.ndarray, tmp_path: Path) -> None:
    data = cached(Shapes3D(root=root), folder=tmp_path)
    assert np.array_equal(data.arrays["image"].numpy(), images.transpose(0, 3, 1, 2))
    assert np.array_equal(data.arrays["orientation"].numpy(), np.arange(GRID.count) % 7)


def test_another_array_and_a_damaged_file_are_told(root: Path) -> None:
    path = root / "shapes3d" / "3dshapes.h5"
    with pytest.raises(UserError, match=r"labels  float64 \(336, 6\); expected uint8 \(336, 64, 64, 3\)"):
        HDF5Array(path, "labels", (336, 64, 64, 3)).open()
    with pytest.raises(UserError, match="pictures  can't be read"):
        HDF5Array(path, "pictures", (336, 64, 64, 3)).open()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="images  can't be read"):
        HDF5Array(path, "images", (336, 64, 64, 3)).open()
