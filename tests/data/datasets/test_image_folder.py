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
    (tmp_path / "root/animals").mkdir(parents=True)
    with pytest.raises(DataMissing, match="images without classes go into the folder itself, or a single one"):
        ImageFolder(root=tmp_path / "root", path="animals").locate()
    for index in range(5):
        draw(tmp_path / f"root/animals/{index}.png", colour=(60 * index, 0, 0))
    data = cached(ImageFolder(root=tmp_path / "root", path="animals", size=4), folder=tmp_path)
    assert data.fields["label"] == ClassField(("animals",))
    assert (data.counts, data.remarks) == ({"train": 4, "validation": 0, "test": 1}, ())
    draw(tmp_path / "root/animals/all/a.png")
    data = cached(ImageFolder(root=tmp_path / "root", path="animals", size=4), folder=tmp_path)
    assert data.fields["label"] == ClassField(("all",))
    assert sum(data.counts.values()) == 1, "the others lie beside the folder of a class"


def test_images_without_classes_in_folders_of_splits(draw: Any, tmp_path: Path) -> None:
    for name in ("train/1.png", "train/2.png", "test/1.png"):
        draw(tmp_path / "root/animals" / name)
    data = cached(ImageFolder(root=tmp_path / "root", path="animals", size=4), folder=tmp_path)
    assert data.fields["label"] == ClassField(("animals",))
    assert data.counts == {"train": 2, "validation": 0, "test": 1}


def test_classes_without_images(tmp_path: Path) -> None:
    (tmp_path / "root/animals/cat").mkdir(parents=True)
    with pytest.raises(UserError, match="no images are in the folders"):
        cached(ImageFolder(root=tmp_path / "root", path="animals"), folder=tmp_path)


def test_it_conforms(draw: Any, tmp_path: Path) -> None:
    for index in range(20):
        draw(tmp_path / f"root/faces/{'ab'[index % 2]}/{index}.png", colour=(index, 0, 0))
    check_dataset(ImageFolder, root=tmp_path / "root", options={"path": "faces", "size": 8}, exempt={"source"})


def test_what_is_no_class(draw: Any, tmp_path: Path) -> None:
    for name in ["cat/1.png", "dog/1.png", "dog/@eaDir/1.png/t.jpg", "__MACOSX/cat/a.png", ".ipynb_checkpoints/a.png"]:
        draw(tmp_path / "root/pets" / name)
    (tmp_path / "root/pets/empty").mkdir()
    (tmp_path / "root/pets/checkpoints").mkdir()
    (tmp_path / "root/pets/checkpoints/last.pt").write_bytes(b"")
    dataset = ImageFolder(root=tmp_path / "root", path="pets", size=4)
    assert dataset.specification()["label"] == ClassField(("cat", "dog"))
    source = dataset.source()
    assert source.labels["label"].tolist() == [0, 1]
    assert source.told["others"] == {
        ".ipynb_checkpoints/": 1, ".pt": 1, "@eaDir/": 1, "__MACOSX/": 1, "empty folders": 1
    }  # fmt: skip
    [remark] = source.remarks
    assert remark.endswith("pets of label 'checkpoints', 'empty', so it is not a class")


@pytest.mark.parametrize("spelling", [("Training", "Testing"), ("train", "testing"), ("TRAIN", "Test")])
def test_spellings_of_the_folders_of_splits(spelling: tuple[str, str], draw: Any, tmp_path: Path) -> None:
    for part in spelling:
        for name in ("cat", "dog"):
            draw(tmp_path / "root/pets" / part / name / f"{part}.png")
    data = cached(ImageFolder(root=tmp_path / "root", path="pets", size=4), folder=tmp_path)
    assert data.fields["label"] == ClassField(("cat", "dog"))
    assert data.counts == {"train": 2, "validation": 0, "test": 2}
    assert data.told["split"] == f"the folders {', '.join(spelling)}"


def test_classes_that_end_in_numbers_and_stated_orders(draw: Any, tmp_path: Path) -> None:
    for name in ("pose_10", "pose_2", "pose_1"):
        draw(tmp_path / "root/turns" / name / "a.png")

    def field(**options: Any) -> Any:
        return ImageFolder(root=tmp_path / "root", path="turns", **options).specification()["label"]

    assert field(order="ring") == ClassField(("pose_1", "pose_2", "pose_10"), "ring")
    stated = ["pose_2", "pose_1", "pose_10"]
    assert field(orders={"label": stated}) == field(order=stated) == ClassField(tuple(stated), "line")
    assert (
        field(order="ring", orders={"label": stated})
        == field(order={"ring": stated})
        == ClassField(tuple(stated), "ring")
    )
    (tmp_path / "root/turns/back").mkdir()
    draw(tmp_path / "root/turns/back/a.png")
    with pytest.raises(UserError, match=r"orders = \{ label = \{ ring = \[.*\] \} \}"):
        field(order="ring")
    with pytest.raises(UserError, match="orders names 'lable', no field of classes; did you mean 'label'"):
        field(orders={"lable": "ring"})


def test_people_with_two_images_have_one_to_test_on(draw: Any, tmp_path: Path) -> None:
    for person in range(6):
        for number in range(1 + person % 2):
            draw(tmp_path / f"root/few/person_{person}/{number}.png")
    source = ImageFolder(root=tmp_path / "root", path="few").source()
    assert [int((source.split == split).sum()) for split in (0, 2)] == [6, 3]
    assert source.told["split"].startswith("one image of each class")


def test_a_folder_in_the_folder_is_told(draw: Any, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        draw(tmp_path / "root/pets/data" / name / "1.png")
    dataset = ImageFolder(root=tmp_path / "root", path="pets")
    assert dataset.specification()["label"] == ClassField(("data",))
    assert dataset.source().remarks == (
        "'data' is the only class; if the folders in it ('cat', 'dog') are the classes, write `path = \"pets/data\"`",
    )


def test_images_that_are_not_read_are_named_with_the_package(draw: Any, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "root/pets" / name).mkdir(parents=True)
        (tmp_path / "root/pets" / name / "1.HEIC").write_bytes(b"\0\0\0\x0cftypheic")
    with pytest.raises(UserError, match=r"no images are in .*; 2 \.heic files are images.*install pillow-heif"):
        ImageFolder(root=tmp_path / "root", path="pets").specification()
    draw(tmp_path / "root/pets/cat/1.png")
    assert ImageFolder(root=tmp_path / "root", path="pets").source().remarks[-1].startswith("2 .heic files are images")


def test_the_filter_is_told_and_makes_other_data(draw: Any, tmp_path: Path) -> None:
    draw(tmp_path / "root/animals/cat/a.png")
    draw(tmp_path / "root/animals/cat/b.png")
    usual, said, other = (
        cached(ImageFolder(root=tmp_path / "root", path="animals", size=4, **options), folder=tmp_path / "cache")
        for options in ({}, {"filter": "bilinear"}, {"filter": "lanczos"})
    )
    assert (said.cache, said.fingerprint) == (usual.cache, usual.fingerprint), "the usual filter is as none"
    assert other.fingerprint != usual.fingerprint
    assert "filter" not in usual.told["pixels"]
    assert other.told["pixels"]["filter"] == "lanczos"
