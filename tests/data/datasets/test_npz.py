from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import AttributesField, ClassField, DataMissing, ImageField, UserError, VectorField
from semreg.data.cache import cached
from semreg.data.datasets.npz import NumpyArchive
from semreg.testing import check_dataset

COUNT = 20
INDEX = np.arange(COUNT)
IMAGES = np.broadcast_to(INDEX.astype(np.uint8)[:, None, None], (COUNT, 6, 5))


def archive(folder: Path, **arrays: Any) -> dict[str, Any]:
    """Writes an archive, and returns the options that read it."""
    np.savez_compressed(folder / "set.npz", **({"images": IMAGES} | arrays))
    return {"root": folder, "path": "set.npz"}


def test_all_kinds_of_fields(tmp_path: Path) -> None:
    options = archive(
        tmp_path,
        y=INDEX % 3 * 5,
        name=np.array(["b", "a"])[INDEX % 2],
        bits=(INDEX[:, None] % [2, 3] == 0).astype(int),
        bit_names=np.array(["even", "third"]),
        angle=INDEX / 2,
        split=np.array(["train", "test"])[(INDEX > 14).astype(int)],
    )
    dataset = NumpyArchive(
        **options, classes={"step": "y", "who": "name"}, orders={"step": "ring"}, attributes="bits",
        attribute_names="bit_names", exclusive=[["even", "third"]], vectors={"angle": "angle"},
    )  # fmt: skip
    data = cached(dataset, folder=tmp_path / "c")
    assert data.fields == {
        "image": ImageField(1, 6, 5),
        "step": ClassField(("0", "5", "10"), "ring"),
        "who": ClassField(("a", "b")),
        "attributes": AttributesField(("even", "third"), (("even", "third"),)),
        "angle": VectorField(1),
    }
    assert data.arrays["image"][:, 0, 0, 0].tolist() == INDEX.tolist()
    assert data.arrays["step"].tolist() == (INDEX % 3).tolist()
    assert data.arrays["who"].tolist() == [1, 0] * 10
    assert data.arrays["angle"][:, 0].tolist() == (INDEX / 2).tolist()
    assert data.counts == {"train": 15, "validation": 0, "test": 5}


@pytest.mark.parametrize(
    ("bins", "names", "labels"),
    [
        (2, ("0", "10"), [0, 0, 1, 1]),
        (3, ("0", "10", "15"), [0, 0, 1, 2]),
        (4, ("0", "5", "10", "15"), [0, 1, 2, 3]),
        (1, ("0",), [0, 0, 0, 0]),
    ],
)
def test_consecutive_classes_are_put_into_bins(
    bins: int, names: tuple[str, ...], labels: list[int], tmp_path: Path
) -> None:
    options = archive(tmp_path, angle=INDEX % 4 * 5)
    dataset = NumpyArchive(**options, classes={"pose": "angle"}, orders={"pose": "ring"}, bins={"pose": bins})
    assert dataset.specification()["pose"] == ClassField(names, "ring")
    assert dataset.source().labels["pose"].tolist() == labels * (COUNT // 4)


def test_bins_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    options = archive(tmp_path, angle=INDEX % 4)
    with pytest.raises(UserError, match=r"4 classes; they can't be put into 5 bins"):
        NumpyArchive(**options, classes={"pose": "angle"}, bins={"pose": 5}).specification()
    with pytest.raises(UserError, match=r"bins names 'posse', no field of classes; did you mean 'pose'\?"):
        NumpyArchive(**options, classes={"pose": "angle"}, bins={"posse": 2})


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((COUNT, 6, 5, 3), (0, 3, 1, 2)), ((COUNT, 3, 6, 5), (0, 1, 2, 3)), ((COUNT, 6, 5, 1), (0, 3, 1, 2))],
)
def test_layouts(shape: tuple[int, ...], axes: tuple[int, ...], tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = cached(NumpyArchive(**archive(tmp_path, images=images)), folder=tmp_path / "c")
    assert np.array_equal(data.arrays["image"].numpy(), images.transpose(axes))
    assert data.counts == {"train": 16, "validation": 0, "test": 4}


def test_images_of_another_type_are_refused_by_the_head_of_their_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"float64 values; uint8.*numpy.uint8\(255 \* images\)"):
        NumpyArchive(**archive(tmp_path, images=IMAGES / 255)).specification()


def test_resized(tmp_path: Path) -> None:
    data = cached(NumpyArchive(**archive(tmp_path), size=12), folder=tmp_path / "c")
    assert data.fields["image"] == ImageField(1, 12, 12)
    assert data.arrays["image"][:, 0, 3, 3].tolist() == INDEX.tolist()


class Hostile:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("hostile-was-here",))


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = np.array([Hostile()] * COUNT, dtype=object)
    with pytest.raises(UserError, match="y  can't be read"):
        NumpyArchive(**archive(tmp_path, y=hostile), classes={"digit": "y"}).specification()
    with pytest.raises(UserError, match="images  "):
        NumpyArchive(**archive(tmp_path, images=hostile)).specification()
    assert not (tmp_path / "hostile-was-here").exists()


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({}, {"images": "image"}, "there is no array 'image'; did you mean 'images'"),
        ({}, {"classes": {"digit": "y"}}, "there is no array 'y'"),
        ({"images": IMAGES / 255}, {}, "images  float64 values; uint8"),
        ({"images": IMAGES[..., 0]}, {}, r"images  shape \(20, 6\)"),
        ({"images": IMAGES.reshape(COUNT, 2, 3, 5)}, {}, r"images  shape \(20, 2, 3, 5\)"),
        ({"y": INDEX[:-1]}, {"classes": {"digit": "y"}}, "y  has 19 rows, there are 20 images"),
        ({"y": INDEX / 2}, {"classes": {"digit": "y"}}, "y  float64"),
        ({"bits": INDEX}, {"attributes": "bits"}, "bits  values"),
        (
            {"bits": INDEX % 2, "n": np.array(["a", "b"])},
            {"attributes": "bits", "attribute_names": "n"},
            "2 names for 1",
        ),
        ({"split": INDEX}, {}, "split  values .10., .11.*fit"),
        ({"images": IMAGES[:0]}, {}, "there are no images, or none with pixels"),
    ],
)
def test_bad_arrays(arrays: dict[str, Any], options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        cached(NumpyArchive(**archive(tmp_path, **arrays), **options), folder=tmp_path / "c")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"set\.npz: not a NumPy archive"):
        NumpyArchive(root=tmp_path, path="set.npz").specification()


def test_cut_short(tmp_path: Path) -> None:
    options = archive(tmp_path, images=np.random.default_rng(0).integers(0, 256, (COUNT, 6, 5), dtype=np.uint8))
    content = bytearray((tmp_path / "set.npz").read_bytes())
    content[200:400] = bytes(200)
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"set\.npz"):
        cached(NumpyArchive(**options), folder=tmp_path / "c")


def test_a_single_array(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(UserError, match="a single array"):
        NumpyArchive(root=tmp_path, path="one.npy").specification()


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"'set\.npz' not found under .* \(looked for set\.npz\)"):
        cached(NumpyArchive(root=tmp_path, path="set.npz"), folder=tmp_path / "c")


def test_it_conforms(tmp_path: Path) -> None:
    archive(tmp_path, y=INDEX % 3, angle=INDEX / 2)
    options = {"path": "set.npz", "classes": {"kind": "y"}, "size": 12}
    check_dataset(NumpyArchive, root=tmp_path, options=options, exempt={"source"})
