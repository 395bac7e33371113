from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semreg.core import ClassField, DataMissing, UserError
from semreg.data.cache import cached
from semreg.data.datasets.image_folder import ImageFolder
from semreg.testing import check_dataset


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"looked for animals/CLASS/IMAGE, animals/train/CLASS/IMAGE"):
        ImageFolder(root=tmp_path, path="animals").specification()


def test_a_folder_per_class(draw: Any, tmp_path: Path) -> None:
    for name in ["cat", "dog", "10", "9"]:
        for index in range(5):
            draw(tmp_path / f"root/animals/{name}/{index}.png")
    draw(tmp_path / "root/animals/stray.png")
    data = cached(ImageFolder(root=tmp_path / "root", path="animals", size=4, label="animal"), folder=tmp_path)
    assert data.fields["animal"] == ClassField(("10", "9", "cat", "dog"))
    assert data.counts == {"train": 16, "validation": 0, "test": 4}
    assert data.arrays["animal"].bincount().tolist() == [5, 5, 5, 5]
    assert sorted(data.arrays["animal"][data.rows("test")].tolist()) == [0, 1, 2, 3]


def test_folders_of_splits(draw: Any, tmp_path: Path) -> None:
    for name in ["train/1/a.png", "train/2/b.png", "val/10/c.png", "test/2/deep/d.png"]:
        draw(tmp_path / "root/numbers" / name)
    data = cached(ImageFolder(root=tmp_path / "root", path="numbers", size=4, order="ring"), folder=tmp_path)
    assert data.fields["label"] == ClassField(("1", "2", "10"), "ring")
    assert data.counts == {"train": 2, "validation": 1, "test": 1}
    assert data.arrays["label"][data.rows("test")].tolist() == [1]
    assert data.arrays["label"][data.rows("validation")].tolist() == [2]


def test_folders_of_splits_may_be_written_in_capitals_and_others_are_told(draw: Any, tmp_path: Path) -> None:
    for name in ["Train/cat/a.png", "Train/dog/b.png", "Testing/cat/c.png", "TEST/cat/d.png"]:
        draw(tmp_path / "root/animals" / name)
    dataset = ImageFolder(root=tmp_path / "root", path="animals", size=4)
    data = cached(dataset, folder=tmp_path)
    assert data.fields["label"] == ClassField(("cat", "dog"))
    assert data.counts == {"train": 2, "validation": 0, "test": 1}
    [remark] = data.remarks
    assert remark.endswith("/animals, validation and test are used, and not 'Testing'")


def test_images_without_classes_lie_in_one_folder(draw: Any, tmp_path: Path) -> None:
    draw(tmp_path / "root/animals/a.png")
    dataset = ImageFolder(root=tmp_path / "root", path="animals", size=4)
    with pytest.raises(DataMissing, match="images without classes go into a single one"):
        dataset.locate()
    draw(tmp_path / "root/animals/all/a.png")
    dataset.locate()
    assert dataset.specification()["label"] == ClassField(("all",))


def test_classes_without_images(tmp_path: Path) -> None:
    (tmp_path / "root/animals/cat").mkdir(parents=True)
    with pytest.raises(UserError, match="no images are in the folders"):
        cached(ImageFolder(root=tmp_path / "root", path="animals"), folder=tmp_path)


def test_it_conforms(draw: Any, tmp_path: Path) -> None:
    for index in range(20):
        draw(tmp_path / f"root/faces/{'ab'[index % 2]}/{index}.png", colour=(index, 0, 0))
    check_dataset(ImageFolder, root=tmp_path / "root", options={"path": "faces", "size": 8}, exempt={"source"})
