from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semreg.core import AttributesField, DataMissing, UserError
from semreg.data.cache import cached
from semreg.data.datasets.celeba import ATTRIBUTES, CelebA
from semreg.data.splitting import split_as
from semreg.testing import check_dataset

COUNT = 12


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder in CelebA's layout: image i is i·20 bright within the central square and black elsewhere, has attribute
    number i, and all have Smiling; the first eight train, two each validate and test."""
    folder = tmp_path / "root" / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{index + 1:06d}.jpg" for index in range(COUNT)]
    rows = []
    for index, name in enumerate(names):
        pixels = np.zeros((218, 178, 3), dtype=np.uint8)
        pixels[20:198] = index * 20
        Image.fromarray(pixels).save(folder / "img_align_celeba" / name, quality=95)
        values = ["1" if number == index or label == "Smiling" else "-1" for number, label in enumerate(ATTRIBUTES)]
        rows.append(f"{name} " + " ".join(f"{value:>2}" for value in values))
    table = f"{COUNT}\n{' '.join(ATTRIBUTES)} \n" + "\n".join(rows) + "\n"
    (folder / "list_attr_celeba.txt").write_text(table)
    partition = [f"{name} {0 if index < 8 else 1 if index < 10 else 2}" for index, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(reversed(partition)) + "\n")  # any order
    return tmp_path / "root"


def test_read(root: Path, tmp_path: Path) -> None:
    data = cached(CelebA(root=root, size=48), folder=tmp_path)
    field = data.fields["attributes"]
    assert isinstance(field, AttributesField)
    assert len(field.names) == 38
    assert data.arrays["image"].shape == (COUNT, 3, 48, 48)
    brightness = data.arrays["image"].float().mean(dim=(1, 2, 3)).tolist()
    assert brightness == pytest.approx([index * 20 for index in range(COUNT)], abs=4)
    assert data.rows("validation").tolist() == [8, 9]
    assert data.rows("test").tolist() == [10, 11]
    smiling = field.names.index("Smiling")
    attributes = data.arrays["attributes"]
    assert attributes[:, smiling].tolist() == [1] * COUNT
    for index in range(COUNT):
        present = {field.names[number] for number in attributes[index].nonzero().flatten().tolist()}
        assert present == {ATTRIBUTES[index], "Smiling"}


def test_full_size_is_the_default(root: Path, tmp_path: Path) -> None:
    data = cached(CelebA(root=root, drop=[]), folder=tmp_path)
    assert data.arrays["image"].shape == (COUNT, 3, 178, 178)
    assert data.arrays["image"][11].float().mean() == pytest.approx(220, abs=2), "the black borders are cropped away"
    assert data.fields["attributes"].references()["names"] == list(ATTRIBUTES)


def test_the_paper_s_split(root: Path, tmp_path: Path) -> None:
    data = split_as(cached(CelebA(root=root, size=16), folder=tmp_path), {"train": 9})
    assert data.counts == {"train": 9, "validation": 0, "test": 3}


def test_the_specification_needs_no_files(tmp_path: Path) -> None:
    fields = CelebA(root=tmp_path, drop=["Gray_Hair", "Bangs"]).specification()
    attributes = fields["attributes"]
    assert isinstance(attributes, AttributesField)
    assert len(attributes.names) == 38
    assert attributes.exclusive[0] == ("Bald", "Black_Hair", "Blond_Hair", "Brown_Hair")
    assert all(len(group) > 1 and set(group) <= set(attributes.names) for group in attributes.exclusive)
    assert fields["image"].references()["size"] == 178


def test_an_unknown_attribute_to_drop() -> None:
    with pytest.raises(UserError, match=r"data.drop  no attribute is called 'Wearing_Tie'; did you mean"):
        CelebA(drop=["Wearing_Tie"])


def test_missing(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing) as error:
        cached(CelebA(root=tmp_path / "nowhere"), folder=tmp_path)
    first = str(error.value).splitlines()[0]
    assert first.startswith("CelebA not found under ")
    assert "(looked for celeba/img_align_celeba, celeba/list_attr_celeba.txt, celeba/list_eval_partition.txt)" in first
    assert "img_align_celeba.zip" in str(error.value)
    (root / "celeba/list_eval_partition.txt").unlink()
    with pytest.raises(DataMissing, match=r"looked for celeba/list_eval_partition.txt\)"):
        CelebA(root=root).locate()


def replaced(path: str, old: str, new: str) -> Any:
    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1))

    return change


def removed(folder: Path) -> None:
    (folder / "img_align_celeba/000003.jpg").unlink()


def added(folder: Path) -> None:
    (folder / "img_align_celeba/stranger.jpg").write_bytes(b"")


def cut(folder: Path) -> None:
    path = folder / "img_align_celeba/000004.jpg"
    path.write_bytes(path.read_bytes()[:1000])


def bytes_in_table(folder: Path) -> None:
    (folder / "list_attr_celeba.txt").write_bytes(b"\xff\xfe\x00")


TABLE, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (removed, r"named in list_attr_celeba.txt, no file\s+000003.jpg"),
        (added, r"a file, not named in list_attr_celeba.txt\s+stranger.jpg"),
        (cut, r"000004\.jpg: not a readable image"),
        (bytes_in_table, "list_attr_celeba.txt: can't be read"),
        (replaced(TABLE, "12\n", "13\n"), "line 1 says '13' images, 12 lines follow"),
        (replaced(TABLE, "Bald ", "Bold "), "line 2 does not hold CelebA's 40 attribute names"),
        (replaced(TABLE, "000002.jpg -1", "000002.jpg"), "line 4: expected a file name and 40 values"),
        (replaced(TABLE, "000002.jpg -1", "000002.jpg 2"), "line 4: expected a file name and 40 values"),
        (replaced(PARTITION, "000005.jpg 0\n", ""), "names 11 images, list_attr_celeba.txt 12; it misses 000005.jpg"),
        (replaced(PARTITION, "000005.jpg 0", "000005.jpg 3"), "line 8: expected a file name and 0, 1 or 2"),
    ],
)
def test_bad_contents(root: Path, change: Any, message: str, tmp_path: Path) -> None:
    change(root / "celeba")
    with pytest.raises(UserError, match=message):
        cached(CelebA(root=root, size=16), folder=tmp_path)


def test_a_changed_image_is_read_again(root: Path, tmp_path: Path) -> None:
    cached(CelebA(root=root, size=16), folder=tmp_path)
    Image.new("RGB", (178, 218), (250, 250, 250)).save(root / "celeba/img_align_celeba/000001.jpg")
    assert cached(CelebA(root=root, size=16), folder=tmp_path).arrays["image"][0].float().mean() > 240


def test_download_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def fail(root: str, **options: object) -> None:
        raise RuntimeError("quota exceeded")

    monkeypatch.setattr(datasets, "CelebA", fail)
    with pytest.raises(UserError, match="CelebA could not be downloaded: quota exceeded"):
        CelebA(root=tmp_path, download=True).locate()


def test_it_conforms(root: Path) -> None:
    check_dataset(CelebA, root=root, options={"size": 24, "drop": ["Male"]})


def as_a_mirror(root: Path, *, ending: str = "csv") -> None:
    """Commas for blanks, headers, and the folder in the folder."""
    folder = root / "celeba"
    (folder / "img_align_celeba").rename(folder / "inner")
    (folder / "img_align_celeba").mkdir()
    (folder / "inner").rename(folder / "img_align_celeba/img_align_celeba")
    for name, header in (
        ("list_attr_celeba", ["image_id", *ATTRIBUTES]),
        ("list_eval_partition", ["image_id", "partition"]),
    ):
        lines = (folder / f"{name}.txt").read_text().splitlines()[2 if name == "list_attr_celeba" else 0 :]
        (folder / f"{name}.txt").unlink()
        rows = [header, *(line.split() for line in lines)]
        (folder / f"{name}.{ending}").write_text("\n".join(",".join(row) for row in rows) + "\n")


@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_a_mirror_holds_the_same(ending: str, root: Path, tmp_path: Path) -> None:
    before = cached(CelebA(root=root, size=16), folder=tmp_path)
    as_a_mirror(root, ending=ending)
    after = cached(CelebA(root=root, size=16), folder=tmp_path)
    assert after.fingerprint == before.fingerprint
    assert after.told["split"] == f"list_eval_partition.{ending}"


def test_the_published_folders(root: Path, tmp_path: Path) -> None:
    before = cached(CelebA(root=root, size=16), folder=tmp_path).fingerprint
    for name, folder in (
        ("img_align_celeba", "Img"),
        ("list_attr_celeba.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
    ):
        (root / "celeba" / folder).mkdir()
        (root / "celeba" / name).rename(root / "celeba" / folder / name)
    assert cached(CelebA(root=root, size=16), folder=tmp_path).fingerprint == before


def test_a_mirror_s_mistakes_are_told_by_its_lines(root: Path, tmp_path: Path) -> None:
    as_a_mirror(root)
    table = root / "celeba/list_attr_celeba.csv"
    table.write_text(table.read_text().replace("000002.jpg,-1", "000002.jpg,7"))
    with pytest.raises(UserError, match=r"list_attr_celeba\.csv: line 3: expected a file name and 40 values"):
        cached(CelebA(root=root, size=16), folder=tmp_path)
    table.write_text(table.read_text().replace("Young", "Old"))
    with pytest.raises(UserError, match="line 1 does not hold CelebA's 40 attribute names"):
        cached(CelebA(root=root, size=16), folder=tmp_path)
