"""What all data sets of published files share; `test_dsprites.py` and its like test each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semreg_factors import mpi3d
from semreg_factors.cars3d import Cars3D
from semreg_factors.dsprites import DSprites
from semreg_factors.mpi3d import MPI3D
from semreg_factors.published import Blocks, Published, PublishedFile
from semreg_factors.shapes3d import Shapes3D
from semreg_factors.smallnorb import SmallNORB

from semreg.core import DataMissing, UserError

COUNTS = {DSprites: 737_280, Shapes3D: 480_000, Cars3D: 17_568, MPI3D: 1_036_800, SmallNORB: 48_600}


@given(st.integers(1, 40), st.integers(1, 10), st.data())
def test_blocks_give_rows_in_any_order_and_read_each_block_once_in_ascending_order(
    count: int, rows: int, data: st.DataObject
) -> None:
    array, read = np.arange(2 * count, dtype=np.uint8).reshape(count, 2), []

    def part(start: int, stop: int) -> np.ndarray:
        read.append(start)
        assert 0 <= start < stop <= count
        return array[start:stop]

    wanted = data.draw(st.lists(st.integers(0, count - 1), min_size=1))
    blocks = Blocks(part, count, rows)
    assert np.array_equal(blocks(np.array(wanted)), array[wanted])
    read.clear()
    blocks = Blocks(part, count, rows)
    blocks(np.sort(wanted))
    assert read == sorted({row // rows * rows for row in wanted})


@pytest.mark.parametrize("kind", COUNTS)
def test_a_data_set_says_all_of_itself_without_its_files(kind: type[Published], tmp_path: Path) -> None:
    dataset = kind(root=tmp_path)
    assert dataset.grid.count == COUNTS[kind]
    assert {*dataset.specification()} == {"image", *dataset.grid.sizes}
    with pytest.raises(DataMissing) as raised:
        dataset.locate()
    said = str(raised.value)
    assert f"{kind.NAME} not found under {tmp_path} (looked for {kind.FOLDER}/" in said
    for file in dataset.files:
        assert file.name in said
        assert file.url in said
        assert len(file.md5) == 32


def test_a_file_of_another_version_is_named_with_both_checksums(tmp_path: Path) -> None:
    path, file = tmp_path / "a.npz", PublishedFile("a.npz", "https://example.org/a.npz", "0" * 32)
    path.write_bytes(b"another")
    with pytest.raises(UserError) as raised:
        file.check(path)
    found = hashlib.md5(b"another").hexdigest()
    assert str(path) in str(raised.value)
    assert f"its MD5 checksum is {found}, that of https://example.org/a.npz is {'0' * 32}; get it again" in str(
        raised.value
    )
    PublishedFile("a.npz", "", found).check(path)
    with pytest.raises(UserError, match="can't be read"):
        file.check(tmp_path / "gone")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What lies at addresses."""
    pages: dict[str, bytes] = {}

    def download(url: str, path: str) -> None:
        if url not in pages:
            raise OSError("no route to host")
        Path(path).write_bytes(pages[url])

    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    return pages


def test_what_is_missing_is_downloaded_if_asked_for(
    fetched: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mpi3d.MD5, "real", hashlib.md5(b"images").hexdigest())
    dataset = MPI3D(root=tmp_path, variant="real", download=True)
    (file,) = dataset.files
    with pytest.raises(UserError, match=r"mpi3d_real\.npz could not be downloaded: no route to host"):
        dataset.locate()
    fetched[file.url] = b"a page of the provider's"
    with pytest.raises(UserError, match="not as published: its MD5 checksum is"):
        dataset.locate()
    assert not (tmp_path / "mpi3d" / "mpi3d_real.npz").exists()
    fetched[file.url] = b"images"
    dataset.locate()
    assert (tmp_path / "mpi3d" / "mpi3d_real.npz").read_bytes() == b"images"
    fetched.clear()
    dataset.locate()


def test_more_images_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="count is 20,000; the grid has 17,568 combinations"):
        Cars3D(count=20_000)
