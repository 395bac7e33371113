"""Edits of one's own images are drawn from the moments of rows that the run keeps of its training data."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from semreg_olr.editing import edit
from semreg_olr.functional import draw_embedding, label_statistics
from torch import Tensor

import semreg
from semreg.core import DataMissing, UserError, seed_of
from semreg.store.layout import RECIPE, STATISTICS
from semreg.store.statistics import read_statistics, write_statistics
from semreg.trained.run import Run

BALD, SMILING, HAT = 0, 1, 2


@pytest.fixture
def run(trained_run: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run, opened where its data are not."""
    monkeypatch.chdir(trained_run)
    return semreg.open_run(trained_run, device="cpu")


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def decoded(run: Run, rows: Tensor) -> Tensor:
    made: Tensor = run.tensor("reconstruction").given(embedding=rows)
    return made.clamp(0, 1)


def rows_of(run: Run, images: Tensor) -> Tensor:
    rows: Tensor = run.tensor("embedding").given(image=images)
    return rows


def test_the_image_is_shown_as_the_decoder_is_to_make_it_beside_what_it_makes(run: Run, images: Tensor) -> None:
    made = edit(run, images, remove={"Smiling": 0.0})
    assert torch.equal(made.image, images[:, :, 1:-1, 1:-1])
    assert torch.equal(made.reconstruction, decoded(run, rows_of(run, images)))


def test_a_removed_label_has_a_row_of_zeros(run: Run, images: Tensor) -> None:
    rows = rows_of(run, images)
    rows[:, [BALD, SMILING]] = 0
    assert torch.equal(edit(run, images, remove={"Smiling": 0.0, "Bald": 0.0}).edited, decoded(run, rows))


@pytest.mark.parametrize(("strength", "scale"), [(None, 1.0), (1.0, 1.0), (2.0, 2.0), (0.25, 0.25)])
def test_an_added_label_has_rows_drawn_from_those_of_the_training_images_and_its_rivals_none(
    strength: float | None, scale: float, run: Run, images: Tensor, trained_run: Path
) -> None:
    with_data = semreg.open_run(trained_run, data_root=trained_run.parents[1] / "data", device="cpu")
    rows, marks = (with_data.tensor(name).read("train") for name in ("embedding", "attributes"))
    statistics = label_statistics(rows[:, :3], marks[:, :3])
    expected = rows_of(run, images)
    generator = torch.Generator().manual_seed(seed_of(4, "edit"))
    expected[:, BALD] = draw_embedding(statistics, BALD, 5, scale=scale, generator=generator)
    expected[:, HAT] = 0
    made = edit(run, images, add={"Bald": strength}, seed=4).edited
    assert torch.allclose(made, decoded(run, expected), atol=1e-6)
    assert not torch.equal(made, edit(run, images, add={"Bald": strength}, seed=5).edited)


def test_the_order_in_which_labels_are_given_does_not_matter(run: Run, images: Tensor) -> None:
    first = edit(run, images, add={"Bald": 1.0, "Smiling": 2.0}).edited
    assert torch.equal(first, edit(run, images, add={"Smiling": 2.0, "Bald": 1.0}).edited)


def test_a_run_that_keeps_no_moments_takes_those_of_its_training_data(
    trained_run: Path, images: Tensor, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    copy = shutil.copytree(trained_run, tmp_path / "copy")
    (copy / STATISTICS).unlink()
    there = semreg.open_run(copy, data_root=trained_run.parents[1] / "data", device="cpu")
    made, kept = (edit(one, images, add={"Bald": 1.0}).edited for one in (there, run))
    assert torch.allclose(made, kept, atol=1e-6)
    with pytest.raises(DataMissing, match=r"marks\.npz"):
        edit(semreg.open_run(copy, data_root=tmp_path, device="cpu"), images, add={"Bald": 1.0})


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({}, "no label to add or remove is given; known labels: Bald, Smiling, Wearing_Hat, Young"),
        ({"add": {"Smilling": None}}, "no label 'Smilling'; did you mean 'Smiling'"),
        ({"remove": {"Xyz": 0.0}}, "no label 'Xyz'; expected one of: Bald, Smiling"),
        ({"add": {"Bald": 1.0}, "remove": {"Bald": 0.0}}, "Bald cannot be both added and removed"),
        ({"add": {"Bald": 1.0, "Wearing_Hat": 1.0}}, "Bald, Wearing_Hat cannot be added together"),
        ({"add": {"Young": 1.0}}, "no training image has the label Young"),
        ({"add": {"Bald": 0.0}}, "Bald can be added with a strength above 0, found 0"),
        ({"add": {"Bald": math.nan}}, "Bald can be added with a strength above 0, found nan"),
        ({"add": {"Bald": -1.0}}, "above 0, found -1"),
        ({"remove": {"Bald": math.inf}}, "Bald can be removed with a strength 0 or above, found inf"),
        ({"add": {"Bald": 1e300}}, "the decoder's output is not finite"),
        ({"remove": {"Bald": -0.5}}, "0 or above, found -0.5"),
    ],
)
def test_what_cannot_be_done_is_refused(edits: Mapping[str, Any], message: str, run: Run, images: Tensor) -> None:
    with pytest.raises(ValueError, match=message):
        edit(run, images, **edits)


def test_statistics_that_are_no_such_moments_are_refused(trained_run: Path, images: Tensor, tmp_path: Path) -> None:
    copy = shutil.copytree(trained_run, tmp_path / "copy")
    [(key, right)] = [item for item in read_statistics(copy).items() if "embedding" in item[0]]
    for wrong in ({"mean": right["mean"]}, right | {"mean": right["mean"][:3]}, right | {"mean": right["mean"] / 0}):
        write_statistics(copy, {key: wrong})
        with pytest.raises(UserError, match="the statistics it keeps are not the moments of the rows of 'embedding'"):
            edit(semreg.open_run(copy, device="cpu"), images, add={"Bald": 1.0})


@pytest.mark.parametrize(
    ("key", "line"), [("output", 'output = "reconstruction"'), ("attributes", r'attributes = \{ label = "z" \}')]
)
def test_a_role_that_is_not_said_is_told_with_its_line(
    key: str, line: str, trained_run: Path, images: Tensor, tmp_path: Path
) -> None:
    copy = shutil.copytree(trained_run, tmp_path / "copy")
    recipe = json.loads((copy / RECIPE).read_text())
    del recipe["model"][key]
    (copy / RECIPE).write_text(json.dumps(recipe))
    with pytest.raises(UserError, match=f"add `{line}`"):
        edit(semreg.open_run(copy, device="cpu"), images, add={"Bald": 1.0})
