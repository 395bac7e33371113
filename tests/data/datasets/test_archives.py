"""Arrays of archives by their keys: whole, a column, or one for each split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import UserError
from semreg.data.datasets.archives import Archive

Make = Callable[..., Archive]
GREY = np.zeros((6, 4, 4), np.uint8)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(**arrays: Any) -> Archive:
        np.savez(tmp_path / "set.npz", **arrays)
        return Archive(tmp_path / "set.npz")

    return make


def test_an_array_and_its_columns(make: Make) -> None:
    table = np.arange(12).reshape(6, 2)
    archive = make(y=table, **{"odd[:, 0]": np.ones(3)})
    assert np.array_equal(archive.read("y"), table)
    assert archive.read("y[:, 1]").tolist() == table[:, 1].tolist()
    assert archive.read("y[:,0]").tolist() == table[:, 0].tolist()
    assert archive.read("odd[:, 0]").tolist() == [1, 1, 1], "an array may have such a name"
    assert archive.head("y") == ((6, 2), np.dtype(np.int64))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("y[:, 2]", r"'y' has shape \(6, 2\) and no column 2; expected 0 to 1"),
        ("flat[:, 0]", r"'flat' has shape \(6,\) and no column 0$"),
        ("z[:, 0]", "there is no array 'z'"),
        ("y[:, -1]", r"there is no array 'y\[:, -1\]'; did you mean 'y'|there is no array"),
        ("*_y", "the star stands for no split; expected one of: y, flat"),
    ],
)
def test_keys_that_mean_nothing(key: str, message: str, make: Make) -> None:
    archive = make(y=np.zeros((6, 2)), flat=np.zeros(6))
    with pytest.raises(UserError, match=message):
        archive.read(key)


def test_a_star_stands_for_the_split(make: Make) -> None:
    archive = make(y_test=[5, 6], Y_other=[9], y_val=[3], y_Train=[1, 2], note=np.array("kept"))
    assert archive.parts("y_*") == {0: "y_Train", 1: "y_val", 2: "y_test"}
    assert archive.read("y_*").tolist() == [1, 2, 3, 5, 6]
    assert archive.head("y_*").shape == (5,)
    assert archive.parts("note") == {-1: "note"}


def test_parts_that_do_not_go_together(make: Make) -> None:
    archive = make(x_train=np.zeros((2, 3)), x_test=np.zeros((2, 4)), y_train=[1], y_test=[1.5], z_val=[1], z_valid=[1])
    with pytest.raises(UserError, match=r"shapes \(2, 3\) and \(2, 4\); the arrays of the splits may differ"):
        archive.read("x_*")
    for key in ("x_*", "y_*"):
        with pytest.raises(UserError, match="may differ only in their number of rows"):
            archive.head(key)
    with pytest.raises(UserError, match="z_val and z_valid could both be meant"):
        archive.parts("z_*")


@pytest.mark.parametrize(
    ("arrays", "advice"),
    [
        (
            {"train_images": GREY, "test_images": GREY, "train_labels": [1], "test_labels": [1]},
            '; for train_images, test_images write `images = "*_images"` and `classes = { label = "*_labels" }`, where '
            "the star stands for the split",
        ),
        ({"x_train": GREY, "x_test": GREY}, '; for x_train, x_test write `images = "x_*"`, where'),
        ({"imgs": GREY, "y": [1]}, "; did you mean 'imgs'?; write `images = \"imgs\"` under [data]"),
        ({"a": GREY, "b": GREY}, "; expected one of: a, b"),
        ({"training_set": [1], "y": [1]}, "; expected one of: training_set, y"),
    ],
)
def test_the_lines_that_would_name_the_images(arrays: dict[str, Any], advice: str, make: Make) -> None:
    assert make(**arrays).advice("images").startswith(advice)


def test_labels_are_read_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make(y=np.zeros((6, 2)), images=GREY)
    first = archive.read("y")
    assert archive.read("y") is first
    assert archive.read("images") is not archive.read("images"), "images would fill the memory"
