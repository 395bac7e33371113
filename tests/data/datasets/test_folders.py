from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from semreg.core import AttributesField, ClassField, DataMissing, ImageField, UserError
from semreg.data.cache import cached
from semreg.data.datasets.folders import AttributeFolder, ImageFolder, sorted_classes
from semreg.testing import check_dataset

TABLE = """file,split,Male,Smiling,pose
a.png,train,0,1,10
sub/b.png,val,1,1,-5
ü.png,test,1,0,2
d.png,0,0,0,10
"""


@pytest.fixture
def faces(draw: Any, tmp_path: Path) -> Path:
    for index, name in enumerate(["a.png", "sub/b.png", unicodedata.normalize("NFD", "ü.png"), "d.png", "unused.png"]):
        draw(tmp_path / "root/faces" / name, size=(20 + index, 20), colour=(index * 50, 0, 100))
    (tmp_path / "root/faces/labels.csv").write_text(TABLE, encoding="utf-8-sig")
    return tmp_path / "root"


def test_attributes_and_classes(faces: Path, tmp_path: Path) -> None:
    dataset = AttributeFolder(root=faces, path="faces", size=8, classes=["pose"], orders={"pose": "line"})
    data = cached(dataset, folder=tmp_path)
    assert data.fields == {
        "image": ImageField(3, 8, 8),
        "pose": ClassField(("-5", "2", "10"), "line"),
        "attributes": AttributesField(("Male", "Smiling")),
    }
    assert data.arrays["image"][:, 0, 4, 4].tolist() == [0, 50, 100, 150]
    assert data.arrays["attributes"].tolist() == [[0, 1], [1, 1], [1, 0], [0, 0]]
    assert data.arrays["pose"].tolist() == [2, 0, 1, 2]
    assert data.split.tolist() == [0, 1, 2, 0]


def write(root: Path, text: str) -> None:
    (root / "faces/labels.csv").write_text(text)


def test_minus_one_and_one(faces: Path, tmp_path: Path) -> None:
    write(faces, "image_id,Male,Smiling\na.png,-1,1\nd.png,1,1\n")
    data = cached(AttributeFolder(root=faces, path="faces", size=4, grey=True), folder=tmp_path)
    assert data.arrays["attributes"].tolist() == [[0, 1], [1, 1]]
    assert data.arrays["image"].shape == (2, 1, 4, 4)
    assert data.counts == {"train": 2, "validation": 0, "test": 0}
    assert data.constant_attributes() == {"attributes": ["Smiling"]}


def test_chosen_columns(faces: Path) -> None:
    def names(**options: Any) -> list[str]:
        fields = AttributeFolder(root=faces, path="faces", **options).specification()
        return fields["attributes"].references()["names"] if "attributes" in fields else []

    assert names(classes=["pose"], drop=["Male"]) == ["Smiling"]
    assert names(attributes=["Smiling", "Male"]) == ["Smiling", "Male"]
    assert names(attributes=[], classes=["pose"]) == []


def test_groups_that_exclude(faces: Path) -> None:
    dataset = AttributeFolder(root=faces, path="faces", drop=["pose"], exclusive=[["Male", "Smiling"]])
    assert dataset.specification()["attributes"] == AttributesField(("Male", "Smiling"), (("Male", "Smiling"),))


def test_without_a_split_a_fifth_is_for_testing(draw: Any, tmp_path: Path) -> None:
    for index in range(20):
        draw(tmp_path / f"root/faces/{index}.png")
    write(tmp_path / "root", "file,x\n" + "".join(f"{index}.png,{index % 2}\n" for index in range(20)))
    data = cached(AttributeFolder(root=tmp_path / "root", path="faces", size=4), folder=tmp_path)
    assert data.counts == {"train": 16, "validation": 0, "test": 4}


def test_the_file_column(faces: Path, tmp_path: Path) -> None:
    write(faces, "Male,image\n1,a.png\n0,d.png\n")
    data = cached(AttributeFolder(root=faces, path="faces", size=4, file="image"), folder=tmp_path)
    assert data.arrays["attributes"].flatten().tolist() == [1, 0]


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("", {}, "there are no rows"),
        ("file,Male\n", {}, "there are no rows"),
        ("file,Male\na.png,1\nd.png\n", {}, "line 3 has 1 columns, the header 2"),
        ("file,Male,Male\na.png,1,1\n", {}, "names 'Male' twice"),
        ("file,Male\na.png,1\nnone.png,0\n", {}, "line 3: 'none.png'  no such image"),
        ("file,Male\na.png,1\n../outside.png,0\n", {}, "line 3: '../outside.png'  no such image"),
        ("file,Male\na.png,1\na.png,0\n", {}, "'a.png' is named twice"),
        ("file,Male\na.png,1\nd.png,yes\n", {}, "Male  line 3: 'yes' is neither 0 nor 1"),
        ("file,Male,Old\na.png,1,-1\nd.png,0,1\n", {}, "Male  line 3: '0' is neither -1 nor 1"),
        ("file,Male\na.png,\n", {}, "Male  line 2: '' is neither"),
        ("file,split,Male\na.png,train,1\nd.png,tset,0\n", {}, "split, line 3  'tset'; train, validation or test fit"),
        (TABLE, {"classes": ["poze"]}, "data.classes  no column 'poze'; did you mean 'pose'"),
        (TABLE, {"attributes": ["Man"]}, "data.attributes  no column 'Man'"),
        (TABLE, {"file": "image"}, "data.file  no column 'image'"),
        (TABLE, {"exclusive": [["Male", "Bald"]]}, "data.exclusive  no column 'Bald'"),
        (TABLE.replace("pose", "image"), {"classes": ["image"]}, "can't be called image"),
        (TABLE.replace("pose", "head pose"), {"classes": ["head pose"]}, "'head pose' is not usable as a field's name"),
    ],
)
def test_bad_tables(faces: Path, table: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    write(faces, table)
    with pytest.raises(UserError, match=message):
        cached(AttributeFolder(root=faces, path="faces", size=4, **options), folder=tmp_path)


def test_a_table_that_is_no_text(faces: Path) -> None:
    (faces / "faces/labels.csv").write_bytes(b"file,Male\n\xff\xfe,1\n")
    with pytest.raises(UserError, match=r"labels\.csv: can't be read"):
        AttributeFolder(root=faces, path="faces").specification()


def test_a_bad_image_is_named_or_left_out(faces: Path, tmp_path: Path) -> None:
    (faces / "faces/d.png").write_bytes(b"broken")
    dataset = AttributeFolder(root=faces, path="faces", size=4, drop=["pose"])
    with pytest.raises(UserError, match=r"d\.png: not a readable image"):
        cached(dataset, folder=tmp_path)
    data = cached(dataset, folder=tmp_path, skip_bad_images=True)
    assert data.counts == {"train": 1, "validation": 1, "test": 1}
    assert len(data.skipped) == 1


def test_a_changed_table_is_read_again(faces: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"root": faces, "path": "faces", "size": 4, "drop": ["pose"]}
    before = cached(AttributeFolder(**options), folder=tmp_path)
    write(faces, TABLE.replace("a.png,train,0", "a.png,train,1") + "\n")
    after = cached(AttributeFolder(**options), folder=tmp_path)
    assert (before.arrays["attributes"][0].tolist(), after.arrays["attributes"][0].tolist()) == ([0, 1], [1, 1])


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"'faces' not found under .* \(looked for faces/labels.csv\)"):
        AttributeFolder(root=tmp_path, path="faces").specification()
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


def test_classes_in_order() -> None:
    assert sorted_classes(["10", "-5", "2", "2"]) == ("-5", "2", "10")
    assert sorted_classes(["b", "10", "2"]) == ("10", "2", "b")


def test_they_conform(draw: Any, tmp_path: Path) -> None:
    for index in range(20):
        draw(tmp_path / f"root/faces/{'ab'[index % 2]}/{index}.png", colour=(index, 0, 0))
    options = {"path": "faces", "size": 8}
    check_dataset(ImageFolder, root=tmp_path / "root", options=options, exempt={"source"})
    rows = "".join(f"{'ab'[index % 2]}/{index}.png,{index % 2}\n" for index in range(20))
    write(tmp_path / "root", f"file,x\n{rows}")
    check_dataset(AttributeFolder, root=tmp_path / "root", options=options, exempt={"source"})
