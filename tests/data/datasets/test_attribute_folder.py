from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from semreg.core import AttributesField, ClassField, DataMissing, ImageField, UserError
from semreg.data.cache import cached
from semreg.data.datasets.attribute_folder import AttributeFolder
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
    write(faces, "image_id,split,Male,Smiling\na.png,train,-1,1\nd.png,0,1,1\n")
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
        ("file,Male\na.png,1\nd.png,male\n", {}, "Male  line 3: 'male' is neither 0 nor 1"),
        ("file,Male,Old\na.png,1,-1\nd.png,0,1\n", {}, "Male  line 3: '0' is neither -1 nor 1"),
        ("file,Male\na.png,\n", {}, "Male  no value is known; name the column in `drop`"),
        (
            "file,split,Male\na.png,train,1\nd.png,tset,0\n",
            {},
            "split, line 3  'tset'; expected train, validation or test",
        ),
        (TABLE, {"classes": ["poze"]}, "data.classes  no column 'poze'; did you mean 'pose'"),
        (TABLE, {"attributes": ["Man"]}, "data.attributes  no column 'Man'"),
        (TABLE, {"file": "image"}, "data.file  no column 'image'"),
        (TABLE, {"exclusive": [["Male", "Bald"]]}, "data.exclusive  no column 'Bald'"),
        (TABLE.replace("pose", "image"), {"classes": ["image"]}, "can't be called image"),
        (TABLE.replace("pose", "head pose"), {"classes": ["head pose"]}, "'head pose' can't be a field's name"),
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


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"'faces' not found under .* \(looked for faces/labels.csv\)"):
        AttributeFolder(root=tmp_path, path="faces").specification()


def test_it_conforms(draw: Any, tmp_path: Path) -> None:
    for index in range(20):
        draw(tmp_path / f"root/faces/{index}.png", colour=(index, 0, 0))
    rows = "".join(f"{index}.png,{index % 2}\n" for index in range(20))
    write(tmp_path / "root", f"file,x\n{rows}")
    check_dataset(AttributeFolder, root=tmp_path / "root", options={"path": "faces", "size": 8}, exempt={"source"})


def test_words_for_truth_and_what_is_not_known(faces: Path, tmp_path: Path) -> None:
    write(faces, "file,split,Male,hat\na.png,0,True,1.0\nsub/b.png,0,FALSE,\nd.png,2,True,0.0\n")
    data = cached(AttributeFolder(root=faces, path="faces", size=4), folder=tmp_path)
    assert data.arrays["attributes"].tolist() == [[1, 1], [0, 0], [1, 0]]
    assert data.fields["attributes_known"] == AttributesField(("Male", "hat"))
    assert data.arrays["attributes_known"].tolist() == [[1, 1], [1, 0], [1, 1]]
    write(faces, "file,Male,hat\na.png,no,1\nd.png,yes,NA\n")
    dataset = AttributeFolder(root=faces, path="faces", unknown=["NA"])
    assert dataset.source().labels["attributes_known"].tolist() == [[1, 1], [1, 0]]


def test_labels_are_read_anew_where_an_option_tells_otherwise(faces: Path, tmp_path: Path) -> None:
    write(faces, "file,x,y\na.png,-1,1\nsub/b.png,0,0\nd.png,1,1\n")
    for unknown, known in ((None, [[0, 1], [1, 1], [1, 1]]), (["0"], [[1, 1], [0, 0], [1, 1]])):
        dataset = AttributeFolder(root=faces, path="faces", size=4, unknown=unknown)
        assert cached(dataset, folder=tmp_path).arrays["attributes_known"].tolist() == known


@pytest.mark.parametrize("header", ["file,Split,x", "file,SPLIT,x", "file,split,x"])
def test_a_split_column_in_capitals_and_its_values(header: str, faces: Path) -> None:
    write(faces, f"{header}\na.png,Train,1\nsub/b.png,VALID,0\nd.png,TEST,1\n")
    for attributes in (None, ["x"]):
        source = AttributeFolder(root=faces, path="faces", attributes=attributes).source()
        assert source.split.tolist() == [0, 1, 2]
        assert source.told["split"] == f"the column '{header.split(',')[1]}' of labels.csv"


def test_two_split_columns_are_refused_by_name(faces: Path) -> None:
    write(faces, "file,split,Split,x\na.png,train,test,1\nd.png,test,train,1\n")
    with pytest.raises(UserError, match="'split' and 'Split' could be meant; write `split_column = \"split\"`"):
        AttributeFolder(root=faces, path="faces", attributes=["x"]).source()
    for name, split in (("split", [0, 2]), ("Split", [2, 0])):
        dataset = AttributeFolder(root=faces, path="faces", attributes=["x"], split_column=name)
        assert dataset.source().split.tolist() == split
    assert AttributeFolder(root=faces, path="faces", drop=["Split"]).source().split.tolist() == [0, 2]


def test_a_column_of_splits_under_another_name_is_not_ignored(faces: Path) -> None:
    write(faces, "file,subset,x\na.png,train,1\nd.png,test,0\n")
    with pytest.raises(UserError, match='subset  its values are splits; write `split_column = "subset"`, or'):
        AttributeFolder(root=faces, path="faces", attributes=["x"]).source()
    dataset = AttributeFolder(root=faces, path="faces", split_column="subset")
    assert dataset.source().split.tolist() == [0, 2]
    assert dataset.specification()["attributes"] == AttributesField(("x",))
    assert "drawn" in AttributeFolder(root=faces, path="faces", drop=["subset"]).source().told["split"]


def test_file_names_without_their_folder(faces: Path) -> None:
    write(faces, "file,x\nb.png,1\n")
    with pytest.raises(UserError) as refused:
        AttributeFolder(root=faces, path="faces").source()
    assert "did you mean 'sub/b.png'?" in refused.value.text()
    assert 'write `folder = "sub"` under [data]' in refused.value.text()
    for folder in ("sub", "sub/", "/sub"):
        source = AttributeFolder(root=faces, path="faces", folder=folder).source()
        assert source.images.names.tolist() == ["sub/b.png"]  # type: ignore[union-attr]
    write(faces, "file,x\nA,1\nd.PNG,1\n")
    with pytest.raises(UserError, match=r"'A' +no such image in this folder; did you mean 'a\.png'"):
        AttributeFolder(root=faces, path="faces").source()


def test_files_named_in_another_column(faces: Path) -> None:
    write(faces, "id,image,x\n1,a.png,1\n2,d.png,0\n")
    with pytest.raises(UserError, match=r"the images are named in the column 'image'; write `file = \"image\"` under"):
        AttributeFolder(root=faces, path="faces", classes=["id"], attributes=["x"]).source()


def test_orders_of_columns(faces: Path) -> None:
    rows = "".join(f"{name},{degree},pose_{number}\n" for name, degree, number in (
        ("a.png", "none", 10), ("sub/b.png", "mild", 9), ("d.png", "severe", 1)))  # fmt: skip
    write(faces, f"file,severity,pose\n{rows}")

    def fields(orders: Any) -> Any:
        options: dict[str, Any] = {"classes": ["severity", "pose"], "orders": orders}
        return AttributeFolder(root=faces, path="faces", **options).specification()

    found = fields({"severity": ["none", "mild", "severe"], "pose": "ring"})
    assert found["severity"] == ClassField(("none", "mild", "severe"), "line")
    assert found["pose"] == ClassField(("pose_1", "pose_9", "pose_10"), "ring")
    with pytest.raises(UserError, match=r"data\.orders\.severity"):
        fields({"severity": "line"})


def test_what_else_lies_there_is_counted_but_for_the_table(faces: Path) -> None:
    (faces / "faces/more.csv").write_text("")
    source = AttributeFolder(root=faces, path="faces", drop=["pose"]).source()
    assert source.told["others"] == {".csv": 1}
    assert source.remarks[0].startswith("1 image is in ")
