"""What is taken for what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semreg.core import UserError
from semreg.data.inspection import BINS, MOST_CLASSES, can_be_field, look_at
from tests.scaffold.made import RANDOM, archive, folders, picture, table


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        look_at(path)
    [line] = error.value.text().splitlines()
    return line


def test_folders_of_classes(tmp_path: Path) -> None:
    found = look_at(folders(tmp_path / "pets", ["cat", "dog"], height=50, width=40))
    assert found.options == {"use": "image_folder", "path": str(tmp_path / "pets"), "label": "label"}
    assert (found.labels, found.names("label"), found.side, found.bad) == (("label",), ("cat", "dog"), 40, 0)
    assert not found.is_ordered("label")


def test_numbers_in_names_are_an_order(tmp_path: Path) -> None:
    assert look_at(folders(tmp_path / "a", ["1", "2", "10", "11"])).is_ordered("label")
    three = look_at(folders(tmp_path / "b", ["1", "2", "10"]))
    assert not three.is_ordered("label"), "of three one is everyone's neighbour"


def test_a_folder_in_a_folder_is_looked_into(tmp_path: Path) -> None:
    folders(tmp_path / "data" / "unpacked", ["cat", "dog"])
    assert look_at(tmp_path / "data").options["path"] == str(tmp_path / "data" / "unpacked")
    folders(tmp_path / "split" / "train", ["cat", "dog"])
    assert look_at(tmp_path / "split").names("label") == ("cat", "dog")


def test_columns_are_told_apart(tmp_path: Path) -> None:
    rows = table(
        tmp_path / "data",
        "picture,kind,hat,smile,id,same,some",
        lambda k: f"{'ab'[k % 2]},{k % 2},{k % 3 % 2},x{k},1,{'a' * (not k)}",
    )
    found = look_at(rows)
    assert found.labels == ("kind",)
    assert found.attributes == ("hat", "smile")
    assert found.left_out.keys() == {"id", "same", "some"}
    assert "60 different values of 60 images" in found.left_out["id"]
    assert "59 of its values are blank" in found.left_out["some"]
    assert found.options["drop"] == ["id", "same", "some"]


def test_where_a_table_names_its_images(tmp_path: Path) -> None:
    table(tmp_path / "data", "number,kind", lambda k: "ab"[k % 2], inside="pictures")
    assert look_at(tmp_path / "data").options["folder"] == "pictures"
    lines = (tmp_path / "data/labels.csv").read_text().splitlines()
    swapped = [",".join(reversed(line.split(","))) for line in lines]
    (tmp_path / "data/other.csv").write_text("\n".join(swapped))
    found = look_at(tmp_path / "data/other.csv")
    assert (found.options["csv"], found.options["file"]) == ("other.csv", "number")
    (tmp_path / "data/labels.csv").rename(tmp_path / "data/one.csv")
    assert "one.csv and other.csv name images; say which by --data" in refused(tmp_path / "data")


def test_a_table_beside_folders_of_classes_that_names_no_image_is_passed_over(tmp_path: Path) -> None:
    folders(tmp_path / "data", ["cat", "dog"])
    (tmp_path / "data/prices.csv").write_text("animal,price\ncat,3\n")
    assert look_at(tmp_path / "data").options["use"] == "image_folder"


def test_a_column_that_a_recipe_cannot_say(tmp_path: Path) -> None:
    assert "'light azimuth' would be the label, but" in refused(
        table(tmp_path / "data", "file,light azimuth", lambda k: "abc"[k % 3])
    )
    assert not any(map(can_be_field, ["light azimuth", "", "class", "image", "attributes", "größe"]))


def test_arrays_are_told_apart(tmp_path: Path) -> None:
    factors = np.stack([np.zeros(200), np.arange(200) % 3, np.arange(200) % 50], 1).astype(int)
    masks = RANDOM.integers(0, 2, (200, 16, 16), dtype=np.uint8)
    path = archive(tmp_path / "data", imgs=masks, images=np.array(3), factors=factors, values=factors.astype(float))
    found = look_at(path)
    assert (found.options["images"], found.options["white"]) == ("imgs", 1)
    assert found.options["classes"] == {"factors_1": "factors[:, 1]", "factors_2": "factors[:, 2]"}
    assert found.options["bins"] == {"factors_2": BINS}
    assert found.is_ordered("factors_2")
    assert not found.is_ordered("factors_1")


def test_arrays_for_each_split(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (20, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", x_train=images, y_train=np.arange(20) % 2, x_test=images, y_test=np.arange(20) % 2)
    found = look_at(tmp_path / "set.npz")
    assert (found.options["images"], found.options["classes"]) == ("x_*", {"label": "y_*"})
    assert found.data.counts == {"train": 20, "validation": 0, "test": 20}


def test_pixels_that_must_be_told_are(tmp_path: Path) -> None:
    for number in range(12):
        deep = RANDOM.integers(0, 65535, (20, 20), dtype=np.uint16)
        (tmp_path / "deep/a").mkdir(parents=True, exist_ok=True)
        Image.fromarray(deep).save(tmp_path / f"deep/a/{number}.png")
        picture(tmp_path / f"grey/a/{number}.png", grey=True)
    assert look_at(tmp_path / "deep").options["white"] == 65535
    found = look_at(tmp_path / "grey")
    assert found.options["grey"] is True
    assert "white" not in found.options


def test_too_many_classes_are_none(tmp_path: Path) -> None:
    found = look_at(archive(tmp_path / "data", images=np.zeros((50_000, 8, 8), np.uint8) + 90, kind=np.arange(50_000)))
    assert found.labels == ()
    assert f"more than {MOST_CLASSES:,}" in found.left_out["kind"]


def test_what_is_no_data(tmp_path: Path) -> None:
    def of_side(side: int) -> Path:
        return folders(tmp_path / f"side{side}", ["a", "b"], height=side, width=side)

    def broken() -> Path:
        path = folders(tmp_path / "broken", ["a", "b"])
        for image in path.rglob("*.png"):
            image.write_bytes(b"no image")
        return path

    (tmp_path / "empty").mkdir()
    (tmp_path / "words.csv").write_text("file,a\n1.png,0\n2.png,1\n")
    np.savez(tmp_path / "none.npz", y=np.arange(20))
    picture(tmp_path / "one.png")
    for path, said in {
        tmp_path / "empty": "no images in this folder",
        tmp_path / "empt": "no such file or folder; did you mean 'empty'?",
        tmp_path / "words.csv": "no column names images",
        tmp_path / "none.npz": "no array holds images",
        tmp_path / "one.png": "this is one image",
        of_side(1): "smaller side of the images has 1 pixels",
        folders(tmp_path / "few", ["a", "b"], each=2): "4 images are too few",
        broken(): "not a readable image",
    }.items():
        assert said in refused(path)
