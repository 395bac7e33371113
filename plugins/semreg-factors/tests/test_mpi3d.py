from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from semreg_factors import mpi3d
from semreg_factors.grid import FactorGrid, steps
from semreg_factors.mpi3d import MPI3D

from semreg.data.cache import cached
from semreg.testing import check_dataset

SIZES = {"object_color": 2, "object_shape": 2, "object_size": 2, "camera_height": 3, "background_color": 1}
GRID = FactorGrid({name: steps(size) for name, size in (SIZES | {"horizontal_axis": 2, "vertical_axis": 2}).items()})
IMAGES = np.random.default_rng(0).integers(0, 256, (GRID.count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = io.BytesIO()
    np.savez(file, images=IMAGES)
    folder = tmp_path / "root" / "mpi3d"
    folder.mkdir(parents=True)
    (folder / "mpi3d_realistic.npz").write_bytes(file.getvalue())
    monkeypatch.setitem(mpi3d.MD5, "realistic", hashlib.md5(file.getvalue()).hexdigest())
    monkeypatch.setattr(MPI3D, "GRID", GRID)
    return tmp_path / "root"


def test_it_conforms(root: Path) -> None:
    check_dataset(MPI3D, root=root, options={"variant": "realistic", "size": 16})


def test_read(root: Path, tmp_path: Path) -> None:
    data = cached(MPI3D(root=root, variant="realistic", count=40), folder=tmp_path)
    rows = MPI3D(root=root, count=40).rows
    assert np.array_equal(data.arrays["image"].numpy(), IMAGES[rows].transpose(0, 3, 1, 2))
    assert np.array_equal(data.arrays["vertical_axis"].numpy(), rows % 2)


def test_variants_are_files_of_their_own(tmp_path: Path) -> None:
    found = {MPI3D(root=tmp_path, variant=variant).files[0] for variant in ("toy", "realistic", "real")}  # type: ignore[arg-type]
    assert {file.name for file in found} == {"mpi3d_toy.npz", "mpi3d_realistic.npz", "mpi3d_real.npz"}
    assert len({file.md5 for file in found}) == 3
