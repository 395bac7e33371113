from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from semreg_factors.dsprites import ARCHIVE, DSprites
from semreg_factors.grid import FactorGrid, steps

from semreg.core import UserError
from semreg.data.cache import cached
from semreg.testing import check_dataset
from tests.hostile import Bomb

GRID = FactorGrid(
    {"shape": steps(3, "none"), "scale": steps(2), "orientation": steps(4, "ring"), "x": steps(3), "y": steps(3)}
)
IMAGES = np.random.default_rng(0).integers(0, 2, (GRID.count, 64, 64), dtype=np.uint8)


def archive(sentinel: Path) -> bytes:
    """An archive as dSprites is one: with a column for the colour, which is white, and metadata that are pickled."""
    classes = np.stack([np.zeros(GRID.count, np.int64), *GRID.classes(np.arange(GRID.count)).values()], axis=1)
    file = io.BytesIO()
    metadata = np.array({"author": Bomb(sentinel)}, dtype=object)
    np.savez_compressed(
        file, metadata=metadata, imgs=IMAGES, latents_values=classes.astype(float), latents_classes=classes
    )
    return file.getvalue()


@pytest.fixture
def root(publish, tmp_path: Path) -> Path:
    return publish(DSprites, GRID, {ARCHIVE: archive(tmp_path / "opened")})


def test_it_conforms(root: Path) -> None:
    check_dataset(DSprites, root=root, options={"size": 32, "count": 50})


def test_read(root: Path, tmp_path: Path) -> None:
    data = cached(DSprites(root=root), folder=tmp_path)
    assert data.fields["image"].references()["size"] == 64
    assert np.array_equal(data.arrays["image"][:, 0].numpy(), 255 * IMAGES)
    for name, classes in GRID.classes(np.arange(GRID.count)).items():
        assert np.array_equal(data.arrays[name].numpy(), classes)
    assert data.counts["test"] == round(0.2 * GRID.count)
    assert not (tmp_path / "opened").exists()


def test_a_subset_has_images_and_factors_of_its_rows(root: Path, tmp_path: Path) -> None:
    sprites = DSprites(root=root, count=40, seed=2)
    data = cached(sprites, folder=tmp_path)
    assert np.array_equal(data.arrays["image"][:, 0].numpy(), 255 * IMAGES[sprites.rows])
    assert np.array_equal(GRID.rows(**{name: data.arrays[name].numpy() for name in GRID.sizes}), sprites.rows)


def test_the_published_file_has_this_grid() -> None:
    assert DSprites.GRID.sizes == {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
    assert DSprites.GRID.factors["orientation"].order == "ring"


def test_another_version_is_refused_before_it_is_read(root: Path, tmp_path: Path) -> None:
    (root / "dsprites" / ARCHIVE).write_bytes(b"another version")
    with pytest.raises(UserError, match="not as published: its MD5 checksum is"):
        cached(DSprites(root=root), folder=tmp_path)
