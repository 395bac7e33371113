"""Sets that the library writes and reads here: nothing is fetched. They are skipped where it is not installed."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Images

from semreg.core import ClassField, DataMissing, UserError
from semreg.data.cache import cached

datasets = pytest.importorskip("datasets", reason="optional: `make test-optional` installs it")
from semreg_hf import HFDataset  # noqa: E402


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "library")
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))


def encoded(value: int, size: int = 8) -> dict[str, Any]:
    """A grey image of one value, as the library holds it."""
    buffer = io.BytesIO()
    Images.new("L", (size, size), value).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def part(count: int, first: int = 0) -> Any:
    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "digit": datasets.ClassLabel(names=["zero", "one"]),
            "age": datasets.Value("int64"),
        }
    )
    rows = range(first, first + count)
    columns = {
        "picture": [encoded(row) for row in rows],
        "digit": [row % 2 for row in rows],
        "age": [10 * (row % 3) for row in rows],
    }
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with the set `digits` of 30 training and 10 test images."""
    datasets.DatasetDict({"train": part(30), "test": part(10, first=30)}).save_to_disk(str(tmp_path / "root/digits"))
    return tmp_path / "root"


def test_images_classes_and_splits(root: Path) -> None:
    data = cached(HFDataset(root=root, path="digits", size=4, grey=True, classes=["age"], orders={"age": "line"}))
    assert data.fields["digit"] == ClassField(("zero", "one"))
    assert data.fields["age"] == ClassField(("0", "10", "20"), "line")
    assert data.counts == {"train": 30, "validation": 0, "test": 10}
    assert data.arrays["image"].shape == (40, 1, 4, 4)
    assert data.arrays["image"][:, 0, 0, 0].tolist() == list(range(40))
    assert data.arrays["digit"].tolist() == [row % 2 for row in range(40)]
    assert data.arrays["age"].tolist() == [row % 3 for row in range(40)]
    assert cached(HFDataset(root=root, path="digits", size=4, grey=True)).fingerprint != data.fingerprint


def test_a_set_without_a_test_split(root: Path) -> None:
    part(20).save_to_disk(str(root / "single"))
    data = cached(HFDataset(root=root, path="single", size=4))
    assert data.counts == {"train": 16, "validation": 0, "test": 4}


def test_a_folder_of_parquet_files(root: Path) -> None:
    (root / "files").mkdir()
    part(12).to_parquet(str(root / "files/train-0.parquet"))
    part(4).to_parquet(str(root / "files/test-0.parquet"))
    data = cached(HFDataset(root=root, path="files", size=4, grey=True))
    assert data.counts == {"train": 12, "validation": 0, "test": 4}
    assert data.arrays["image"][:, 0, 0, 0].tolist() == [*range(12), *range(4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "pictur"}, "no column of images is called 'pictur'; did you mean 'picture'"),
        ({"classes": ["agge"]}, "there is no column 'agge'; did you mean 'age'"),
        ({"orders": {"digits": "ring"}}, "no field of classes is called 'digits'; did you mean 'digit'"),
        ({"splits": {"test": "tset"}}, "there is no split 'tset'; did you mean 'test'"),
    ],
)
def test_what_is_not_there(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        HFDataset(root=root, path="digits", **options).specification()


def test_images_of_any_split_that_change_are_seen(root: Path) -> None:
    before = cached(HFDataset(root=root, path="digits", size=4, grey=True))
    shutil.rmtree(root / "digits" / "train")
    part(30, first=60).save_to_disk(str(root / "digits" / "train"))  # with the same labels
    after = cached(HFDataset(root=root, path="digits", size=4, grey=True))
    assert before.arrays["digit"].equal(after.arrays["digit"])
    assert after.arrays["image"][:, 0, 0, 0].tolist() == [*range(60, 90), *range(30, 40)]


def test_a_class_without_a_value_is_refused(root: Path) -> None:
    columns = {"picture": [encoded(0)] * 2, "word": ["a", None]}
    features = datasets.Features({"picture": datasets.Image(), "word": datasets.Value("string")})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(root / "gaps"))
    with pytest.raises(UserError, match="column 'word' has no value in some rows"):
        HFDataset(root=root, path="gaps", classes=["word"]).specification()


def test_a_missing_set(root: Path) -> None:
    with pytest.raises(DataMissing, match=r"(?s)The data set 'no_such_set' not found under .*download = true"):
        HFDataset(root=root, path="no_such_set").locate()
    with pytest.raises(UserError, match="it is empty"):
        HFDataset(root=root, path="").locate()


@pytest.mark.parametrize("download", [False, True])
def test_the_hub_is_asked_with_download_alone(root: Path, monkeypatch: pytest.MonkeyPatch, download: bool) -> None:
    offline: list[bool] = []

    def load_dataset(*said: Any, **options: Any) -> None:
        offline.append(datasets.config.HF_HUB_OFFLINE)
        raise ConnectionError("Couldn't reach it.")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(DataMissing) as caught:
        HFDataset(root=root, path="no_such_set", download=download).locate()
    assert offline == [not download]
    assert not datasets.config.HF_HUB_OFFLINE
    assert caught.value.text().endswith("reach it." if download else "to fetch it from the Hub.")


def test_a_damaged_image_is_named(root: Path) -> None:
    broken = part(20)
    columns = {**broken.cast_column("picture", datasets.Image(decode=False)).to_dict()}
    columns["picture"][3] = {"bytes": b"no image", "path": None}
    datasets.Dataset.from_dict(columns, features=broken.features).save_to_disk(str(root / "broken"))
    with pytest.raises(UserError, match="image 3: not a readable image"):
        cached(HFDataset(root=root, path="broken", size=4))
    assert len(cached(HFDataset(root=root, path="broken", size=4), skip_bad_images=True).skipped) == 1


def test_it_conforms(root: Path) -> None:
    from semreg.testing import check_dataset

    check_dataset(HFDataset, options={"path": "digits", "size": 4}, root=root)
