from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import AttributesField, ClassField, DataMissing, ImageField, UserError, VectorField
from semreg.data.cache import cached, survey
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
    with pytest.raises(UserError, match=r"float64 values; expected uint8.*numpy.uint8\(255 \* images\)"):
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
        ({"images": IMAGES / 255}, {}, "images  float64 values; expected uint8"),
        ({"images": IMAGES[..., 0]}, {}, r"images  shape \(20, 6\)"),
        ({"images": IMAGES.reshape(COUNT, 2, 3, 5)}, {}, r"images  shape \(20, 2, 3, 5\)"),
        ({"y": INDEX[:-1]}, {"classes": {"digit": "y"}}, "y  has 19 rows, there are 20 images"),
        ({"y": INDEX / 2}, {"classes": {"digit": "y"}}, "y  found float64"),
        ({"bits": INDEX}, {"attributes": "bits"}, "bits  found values"),
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


def test_columns_of_factors_and_masks(tmp_path: Path) -> None:
    latents = np.stack([INDEX % 2, INDEX % 5, INDEX % 4], 1)
    options = archive(tmp_path, images=(IMAGES > 9).astype(np.uint8), latents=latents)
    chosen = {"shape": "latents[:, 1]", "scale": "latents[:,2]"}
    data = cached(NumpyArchive(**options, classes=chosen, white=1, orders={"scale": "line"}), folder=tmp_path / "c")
    assert data.arrays["shape"].tolist() == (INDEX % 5).tolist()
    assert data.fields["scale"] == ClassField(("0", "1", "2", "3"), "line")
    assert data.arrays["image"][:, 0, 0, 0].tolist() == [255 * int(index > 9) for index in INDEX]
    with pytest.raises(
        UserError, match="the largest value is 1, where 255 is white; state which value is: `white = 1` under"
    ):
        NumpyArchive(**options).source()
    assert NumpyArchive(**options, white=255).source().images([19]).max() == 1  # type: ignore[misc]
    with pytest.raises(UserError, match=r'write a column of it, 0 to 2, such as "latents\[:, 0\]"'):
        NumpyArchive(**options, classes={"shape": "latents"}).specification()
    with pytest.raises(UserError, match=r"'latents' has shape .* and no column 3; expected 0 to 2"):
        NumpyArchive(**options, classes={"shape": "latents[:, 3]"}).specification()


@pytest.mark.parametrize(
    ("pixels", "white", "largest"),
    [
        (IMAGES.astype(np.uint16) * 100, 4095, 118),
        (IMAGES / 19, 1, 255),
        (IMAGES.astype(np.int64) * 10, 255, 190),
        (IMAGES.astype(np.float16), 19, 255),
        (IMAGES > 3, None, 255),
    ],
)
def test_pixels_of_any_numbers(pixels: Any, white: float | None, largest: int, tmp_path: Path) -> None:
    options = archive(tmp_path, images=pixels)
    if white is not None:
        with pytest.raises(
            UserError, match=r"values; expected uint8, 0 to 255, .*or state which value is white: `white = "
        ):
            NumpyArchive(**options).specification()
    read = NumpyArchive(**options, white=white).source().images(range(COUNT))  # type: ignore[misc]
    assert (read.dtype, read.min(), read.max()) == (np.uint8, 0, largest)


@pytest.mark.parametrize(
    ("pixels", "white", "message"),
    [
        (IMAGES - 1.0, 255, "images  values from -1 to 18; black is 0"),
        (IMAGES / 1.0, 1, "above white = 1; `white = 255` under"),
        (np.full((COUNT, 4, 4), np.nan), 1, "not finite"),
        (np.full((COUNT, 4, 4), "x"), 1, "<U1 values; expected uint8"),
    ],
)
def test_numbers_that_are_no_pixels(pixels: Any, white: float, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        NumpyArchive(**archive(tmp_path, images=pixels), white=white).source()


@pytest.mark.parametrize(
    "y",
    [
        (INDEX % 3)[:, None], (INDEX % 3).astype(float), (INDEX % 3).astype(np.uint8),
        np.array([b"0", b"1", b"2"])[INDEX % 3],
    ],
)  # fmt: skip
def test_forms_of_labels(y: Any, tmp_path: Path) -> None:
    source = NumpyArchive(**archive(tmp_path, y=y), classes={"kind": "y"}).source()
    assert source.labels["kind"].tolist() == (INDEX % 3).tolist()
    bits = NumpyArchive(**archive(tmp_path, y=INDEX % 2 == 0), classes={"kind": "y"})
    assert bits.specification()["kind"] == ClassField(("0", "1"))


def split_archive(folder: Path, **more: Any) -> dict[str, Any]:
    arrays = {
        "x_test": IMAGES[15:],
        "y_test": INDEX[15:, None] % 3,
        "x_train": IMAGES[:15],
        "y_train": INDEX[:15, None] % 3,
    }
    np.savez(folder / "set.npz", **(arrays | more))
    return {"root": folder, "path": "set.npz"}


def test_arrays_for_each_split(tmp_path: Path) -> None:
    options = split_archive(tmp_path)
    with pytest.raises(
        UserError, match=r'for x_test, x_train write `images = "x_\*"` and `classes = \{ label = "y_\*" \}`'
    ):
        NumpyArchive(**options).specification()
    data = cached(NumpyArchive(**options, images="x_*", classes={"label": "y_*"}), folder=tmp_path / "c")
    assert data.counts == {"train": 15, "validation": 0, "test": 5}
    assert data.arrays["image"][:, 0, 0, 0].tolist() == INDEX.tolist()
    assert data.arrays["label"].tolist() == (INDEX % 3).tolist()
    assert data.told["split"] == "the arrays x_train, x_test"
    with pytest.raises(UserError, match="leave `split_array` out"):
        NumpyArchive(**options, images="x_*", split_array="y_test").source()
    with pytest.raises(UserError, match="y_test  has 5 rows, there are 20 images"):
        NumpyArchive(**options, images="x_*", classes={"label": "y_test"}).specification()
    options = split_archive(tmp_path, y_test=INDEX[:10] % 3, y_train=INDEX[:10] % 3)
    with pytest.raises(UserError, match="its arrays have other rows, or are of other splits, than those of the images"):
        NumpyArchive(**options, images="x_*", classes={"label": "y_*"}).specification()


def test_splits_in_other_words(tmp_path: Path) -> None:
    split = np.array(["Train", "TEST", "training", "valid"])[INDEX % 4]
    source = NumpyArchive(**archive(tmp_path, Split=split)).source()
    assert source.split[:4].tolist() == [0, 2, 0, 1]
    assert source.told["split"] == "the array 'Split'"
    assert NumpyArchive(**archive(tmp_path, split=INDEX % 3 / 1.0)).source().split[:3].tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="'SPLIT' and 'Split' could be meant; write `split_array = \"SPLIT\"`"):
        NumpyArchive(**archive(tmp_path, SPLIT=split, Split=split)).source()


def test_attributes_that_are_not_known(tmp_path: Path) -> None:
    def read(bits: Any) -> dict[str, Any]:
        dataset = NumpyArchive(**archive(tmp_path, bits=bits), attributes="bits")
        source = dataset.source()
        assert ("attributes_known" in dataset.specification()) == ("attributes_known" in source.labels)
        return source.labels

    plain = np.stack([INDEX % 2, INDEX % 3 == 0], 1)
    assert read(plain).keys() == {"attributes"}
    assert np.array_equal(read(2 * plain - 1)["attributes"], plain)
    for hole in (np.nan, -1):
        holed = plain.astype(float)
        holed[3, 1] = hole
        labels = read(holed)
        assert labels["attributes"][3].tolist() == [1, 0]
        assert labels["attributes_known"].sum() == 2 * COUNT - 1
        assert labels["attributes_known"][3].tolist() == [1, 0]
    with pytest.raises(UserError, match=r"found values \[-1, 2\]; expected 0 and 1, or -1 and 1"):
        read(np.stack([INDEX % 2, np.where(INDEX % 2, 2, -1)], 1))


def test_stated_orders_and_bins(tmp_path: Path) -> None:
    options = archive(tmp_path, degree=np.array(["none", "mild", "severe", "worst"])[INDEX % 4])
    stated: list[str] = ["none", "mild", "severe", "worst"]
    dataset = NumpyArchive(**options, classes={"s": "degree"}, orders={"s": stated}, bins={"s": 2})
    assert dataset.specification()["s"] == ClassField(("none", "severe"), "line")
    assert dataset.source().labels["s"][:4].tolist() == [0, 0, 1, 1]
    with pytest.raises(UserError, match=r"orders = \{ s = "):
        NumpyArchive(**options, classes={"s": "degree"}, orders={"s": "line"}).specification()
    with pytest.raises(UserError, match="orders names 'pose', no field of classes; expected one of: s"):
        NumpyArchive(**options, classes={"s": "degree"}, orders={"pose": "ring"})


def test_a_survey_reads_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = NumpyArchive(**archive(tmp_path, y=INDEX % 3), classes={"kind": "y"})
    monkeypatch.setattr(NumpyArchive, "_pixels", lambda self: pytest.fail("pixels are read"))
    data = survey(dataset)
    assert data.counts == {"train": 16, "validation": 0, "test": 4}
    assert data.arrays["kind"].tolist() == (INDEX % 3).tolist()
