"""The Python of a view makes the pictures of the view."""

from __future__ import annotations

import contextlib
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semreg.exploring.python import PNG, python_of
from semreg.exploring.view import Explorer, View
from semreg.pictures import image_grid
from semreg.trained.run import Run
from tests.trained.conftest import Train, train

__all__ = ["train"]

VIEWS = {
    "directions": View("directions", ["test:4"], {"z: 2": 1.5, "w: 1": -2}),
    "paths": View("paths", ["test:1", "test:8"], {"pictures": 4}),
    "exchange": View("exchange", ["test:1", "test:8"]),
    "samples": View("samples", values={"pictures": 6, "seed": 2}),
    "order": View("order", ["test:4"], {"place": 3.5}),
    "inpainting": View("inpainting", ["test:4"], {"part": "_wD_AAAAAAA="}),
}


def require_the_same(explorer: Explorer, view: View, folder: Path) -> str:
    """The lines of a view, which draw its pictures."""
    strips = explorer.show(view).strips
    expected = image_grid("", [strip.images for strip in strips], value_range=explorer.run.value_range).png
    lines = python_of(explorer, view)
    with contextlib.chdir(folder):
        exec(compile(lines, view.panel, "exec"), {})
    found, wanted = (np.asarray(Image.open(one)).astype(int) for one in (folder / PNG, BytesIO(expected)))
    assert np.abs(found - wanted).max() <= 1
    return lines


@pytest.mark.parametrize("name", VIEWS)
def test_it_draws_the_same(
    name: str, explorer: Explorer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMREG_DATA", str(run.folder.parents[1] / "data"))
    monkeypatch.setenv("SEMREG_CACHE", str(run.folder.parents[1] / "cache"))
    lines = require_the_same(explorer, VIEWS[name], tmp_path)
    assert "/" not in lines.replace(repr(str(run.folder)), "")


def test_a_class_that_is_told_is_told(train: Train, tmp_path: Path) -> None:
    run = train("""
        [tensors]
        y = { use = "one_hot(kind)", classes = "@kind.classes" }
        reconstruction = "decoder(concatenate(z, y))"
    """)
    lines = require_the_same(Explorer(run), View("directions", ["test:2"], {"direction 1": 2}, told="b"), tmp_path)
    assert lines.count("**{'kind': 'b'}") == 2


def test_paths_are_those_of_the_run(explorer: Explorer) -> None:
    assert "run.interpolate(*images, steps=4, interpolator=way)" in python_of(explorer, VIEWS["paths"])


def test_names_are_texts_whatever_they_are(explorer: Explorer) -> None:
    explorer.call = f"semreg.open_run({'runs/a' + chr(34) + '; import os'!r})"
    lines = python_of(explorer, VIEWS["samples"])
    compile(lines, "lines", "exec")
    assert "\nimport os" not in lines
    assert os.sep not in PNG
