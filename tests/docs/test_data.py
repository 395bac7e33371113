"""docs/data.md: its layouts are made and its code is run there; then each [data] finds its files and reads them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semreg.core import AttributesField, ClassField, VectorField
from semreg.data.cache import cached
from semreg.data.dataset import Cached
from semreg.recipe.check import check_all
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.testing import check_dataset
from tests.docs.pages import ROOT, blocks

PUBLISHED = {"mnist", "cifar10", "celeba", "dsprites", "shapes3d", "cars3d", "mpi3d", "smallnorb"}
"""Data sets whose own tests make their files; here they are missing."""


def draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (12, 10), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with all that the page's layouts name, but what is published."""
    root = tmp_path_factory.mktemp("root")
    table = None
    for language, text in blocks("data.md"):
        if language == "csv":
            assert table is not None
            table.write_text(text)
            for row in csv.DictReader(io.StringIO(text)):
                draw(table.parent / row["file"])
        for line in text.split() if language == "text" else []:
            path = root / line.removeprefix("ROOT/")
            if path.suffix == ".csv":
                table = path
            elif path.suffix in (".jpg", ".png", ".pgm") and "celeba" not in path.parts:
                draw(path)
    for azimuth in (-100, -50, 50, 100):
        draw(root / f"CroppedYale/yaleB01/yaleB01_P00A{azimuth:+04d}E+10.pgm")
    draw(root / "CroppedYale/yaleB01/yaleB01_P00_Ambient.pgm")
    for step in range(72):
        draw(root / f"coil-20-proc/obj1__{step}.png")
    masks = np.zeros((8, 64, 64), np.uint8)
    masks[:, 20:40, 30:50] = 1
    factors = np.stack([np.zeros(8), np.arange(8) % 3, np.arange(8) % 6, np.arange(8)], axis=1).astype(np.int64)
    np.savez(root / "dsprites.npz", imgs=masks, latents_classes=factors)
    splits = {f"{split}_images": np.full((3, 8, 8, 3), 90, np.uint8) for split in ("train", "val", "test")}
    np.savez(root / "bloodmnist.npz", **splits, **{f"{name[:-7]}_labels": [[0], [1], [2]] for name in splits})
    for index in range(30):
        draw(root / f"leaves/a{index}.png")
    lines = [f"a{index}.png {('ash', 'elm', 'oak')[index % 3]}\n" for index in range(30)]
    (root / "leaves/index.txt").write_text("".join(lines))
    return root


@pytest.fixture
def leaves(root: Path, register: Callable[[str, str, Any], None], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's data set class, after all of the page's code has run in the data root."""
    monkeypatch.chdir(root)
    names: dict[str, Any] = {"__name__": "page"}
    for language, text in blocks("data.md"):
        if language == "python":
            exec(compile(text, "docs/data.md", "exec"), names)
    register("dataset", "leaves", names["Leaves"])
    return names["Leaves"]


@pytest.fixture
def read(leaves: Any, root: Path, tmp_path: Path) -> dict[str, tuple[Plan, Cached | None]]:
    """The plan of each [data] of the page in a small recipe and, where they are there, the data; by `path` or `use`."""
    base = ROOT / "recipes" / "vae_digits.toml"
    found = {}
    for language, text in blocks("data.md"):
        if language == "toml":
            recipe = tmp_path / "recipe.toml"
            recipe.write_text(f'extends = "{base}"\n{text.replace("download = true", "")}')
            plan = check_all(load_recipe(recipe), data_root=root)
            data = None if plan.missing else cached(plan.dataset, folder=tmp_path / "cache")
            found[plan.data.options.get("path", plan.data.use)] = plan, data
    return found


def test_every_block_checks_and_what_is_there_is_found(read: dict[str, tuple[Plan, Cached | None]]) -> None:
    there = {name for name, (_, data) in read.items() if data is not None}
    assert there == {
        "multipie", "faces", "yaleb_cropped.npz", "coil20.npz", "animals", "people", "patients", "shapes.npz",
        "dsprites.npz", "bloodmnist.npz", "leaves", "shapes2d",
    }  # fmt: skip
    assert read.keys() - there == PUBLISHED
    for name in PUBLISHED:
        missing = read[name][0].missing
        assert missing is not None
        page = " ".join((ROOT / "docs" / "data.md").read_text().split())
        assert re.split("[,)]", missing.text().split("looked for ")[1])[0] in page


def test_the_data_are_what_the_page_says(read: dict[str, tuple[Plan, Cached | None]]) -> None:
    fields = {name: data.fields for name, (_, data) in read.items() if data}
    counts = {name: data.counts for name, (_, data) in read.items() if data}
    assert fields["multipie"].keys() == {"image", "identity", "expression", "illumination"}
    assert counts["multipie"] == {"train": 2, "validation": 0, "test": 1}
    assert fields["faces"]["identity"] == ClassField(("Aaron_Eckhart", "Adam_Brody"))
    assert fields["yaleb_cropped.npz"]["illumination"] == ClassField(("-100", "-50", "-5", "50", "100"), "line")
    assert fields["coil20.npz"]["pose"].references()["classes"] == 12
    assert fields["animals"]["label"] == ClassField(("cat", "dog"))
    assert counts["animals"] == {"train": 2, "validation": 0, "test": 1}
    assert fields["people"]["age"] == ClassField(("20", "30", "40"), "line")
    assert fields["people"]["attributes"] == AttributesField(("Male", "Smiling", "Bald", "Bangs"), (("Bald", "Bangs"),))
    assert fields["shapes2d"]["shape"] == ClassField(("heart", "triangle", "half_disc"))
    assert counts["shapes2d"] == {"train": 1600, "validation": 0, "test": 400}
    assert fields["shapes.npz"]["side"] == VectorField(2)
    assert counts["shapes.npz"] == {"train": 80, "validation": 0, "test": 20}
    assert fields["patients"]["severity"] == ClassField(("none", "mild", "severe"), "line")
    assert fields["patients"]["side"] == ClassField(("front", "left", "back", "right"), "ring")
    assert fields["dsprites.npz"]["orientation"] == ClassField(tuple("01234567"), "ring")
    assert counts["bloodmnist.npz"] == {"train": 3, "validation": 3, "test": 3}
    for name, field in (("dsprites.npz", "shape"), ("bloodmnist.npz", "cell")):
        assert fields[name][field] == ClassField(("0", "1", "2"))


def test_what_nobody_knows_and_what_is_white(read: dict[str, tuple[Plan, Cached | None]]) -> None:
    (_, patients), (_, masks) = read["patients"], read["dsprites.npz"]
    assert patients is not None
    assert patients.arrays["attributes"].tolist() == [[0, 0], [1, 0], [0, 1], [1, 0], [0, 1]]
    assert patients.arrays["attributes_known"].tolist() == [[1, 1], [1, 0], [0, 1], [1, 1], [1, 1]]
    assert masks is not None
    assert set(masks.arrays["image"].unique().tolist()) == {0, 255}


def test_the_data_set_class_conforms(leaves: Any, root: Path) -> None:
    check_dataset(leaves, root=root)
