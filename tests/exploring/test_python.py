"""The Python of a view makes the pictures of the view."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semreg.exploring.python import PNG, python_of
from semreg.exploring.view import Explorer, View
from semreg.pictures import image_grid
from semreg.trained.run import Run

VIEWS = {
    "directions": View("directions", ["test:4"], {"z: 2": 1.5, "w: 1": -2}),
    "paths": View("paths", ["test:1", "test:8"], {"pictures": 4}),
    "exchange": View("exchange", ["test:1", "test:8"]),
    "samples": View("samples", values={"pictures": 6, "seed": 2}),
    "order": View("order", ["test:4"], {"place": 3.5}),
    "inpainting": View("inpainting", ["test:4"], {"part": "_wD_AAAAAAA="}),
}


@pytest.mark.parametrize("name", VIEWS)
def test_it_draws_the_same(
    name: str, explorer: Explorer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = VIEWS[name]
    strips = explorer.show(view).strips
    expected = image_grid("", [strip.images for strip in strips], value_range=run.value_range).png
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_DATA", str(run.folder.parents[1] / "data"))
    lines = python_of(explorer, view)
    names: dict[str, Any] = {}
    exec(compile(lines, name, "exec"), names)
    found, wanted = (np.asarray(Image.open(one)).astype(int) for one in (PNG, BytesIO(expected)))
    assert np.abs(found - wanted).max() <= 1
    assert "/" not in lines.replace(repr(str(run.folder)), "")


def test_paths_are_those_of_the_run(explorer: Explorer) -> None:
    assert "run.interpolate(*images, steps=4, interpolator=way)" in python_of(explorer, VIEWS["paths"])


def test_names_are_texts_whatever_they_are(explorer: Explorer) -> None:
    explorer.call = f"semreg.open_run({'runs/a' + chr(34) + '; import os'!r})"
    lines = python_of(explorer, VIEWS["samples"])
    compile(lines, "lines", "exec")
    assert "\nimport os" not in lines
    assert os.sep not in PNG
