"""`semreg sample`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semreg.trained import sample
from tests.trained.conftest import CLASSES, PRIOR, Train

Said = Callable[..., str]


def test_a_grid_and_single_images(train: Train, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(PRIOR)
    monkeypatch.chdir(tmp_path)
    assert said("sample", run.folder) == "images: samples.png\n"
    assert Image.open("samples.png").size == (4 * 128 + 3 * 6, 4 * 128 + 3 * 6)
    first = Path("samples.png").read_bytes()
    said("sample", run.folder, "--seed", 1)
    assert Path("samples.png").read_bytes() != first
    assert said("sample", run.folder, "--count", 12, "--out", "single", "--scale", 2) == "images: single\n"
    images = [np.asarray(Image.open(path)) for path in sorted(Path("single").iterdir())]
    assert [path.name for path in sorted(Path("single").iterdir())][-1] == "11.png"
    expected = np.rint(255 * sample(run, 12).numpy()[:, 0])
    assert np.array_equal(np.stack(images)[:, ::2, ::2], expected)


def test_a_class_or_a_column_for_each(train: Train, said: Said, refused: Said, tmp_path: Path) -> None:
    run = train(CLASSES)
    out = tmp_path / "a.png"
    said("sample", run.folder, "--count", 7, "--out", out)
    width, height = Image.open(out).size
    assert width == 3 * 128 + 2 * 6
    assert height > 3 * 128 + 2 * 6, "the classes' names stand above"
    said("sample", run.folder, "--class", "b", "--count", 9, "--out", out)
    assert Image.open(out).size == (3 * 128 + 2 * 6,) * 2
    by_name = out.read_bytes()
    said("sample", run.folder, "--class", 1, "--count", 9, "--out", out)
    assert out.read_bytes() == by_name
    said("sample", run.folder, "--count", 1, "--out", out)
    assert "there is no class 'd'; expected one of: a, b, c" in refused(
        "sample", run.folder, "--class", "d", "--out", out
    )


def test_mistakes(train: Train, refused: Said, tmp_path: Path) -> None:
    run, out = train(), tmp_path / "a.png"
    text = refused("sample", run.folder, "--out", out)
    assert 'the [model] of its recipe names no prior; add `prior = { z = "prior" }`' in text
    assert "--count" in refused("sample", run.folder, "--count", 0, "--out", out)
    assert "of no class" in refused("sample", train(PRIOR).folder, "--class", "a", "--out", out)
    runs, name = run.folder.parent, run.folder.name
    for gone in ((name[:-2], "--runs", runs), (run.folder.with_name(name[:-2]),)):
        assert f"did you mean '{name}'" in refused("sample", *gone, "--out", out)
    assert not out.exists()
