"""`semreg edit`: what it writes, and what it refuses, each by one message and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from semreg_olr.editing import edit

import semreg
from semreg.trained.images import load_images

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(refused_or_done: Command) -> Command:
    return lambda *arguments: refused_or_done("edit", *arguments, "--device", "cpu")


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image of another size and kind than the run's, in the working folder."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (33, 21, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.jpg")
    return Path("photo.jpg")


def test_image_reconstruction_and_edited_image_are_written_side_by_side(
    command: Command, trained_run: Path, photo: Path
) -> None:
    assert command(trained_run, photo, "--add", "Bald=1.5", "--add", "Smiling", "--out", "new/pair.png") == (
        0,
        "image: new/pair.png\n",
    )
    with Image.open("new/pair.png") as picture:
        assert picture.width == 3 * 252 + 2 * 6  # 6 pixels, each 42 large
        assert picture.height > 252
    assert command(trained_run.name, photo, "--remove", "Smiling", "--runs", trained_run.parent)[0] == 0
    assert Path("edit.png").is_file()


def test_the_edited_image_alone_is_what_the_function_makes(command: Command, trained_run: Path, photo: Path) -> None:
    code, _ = command(
        trained_run, photo, "--add", "Bald", "--remove", "Smiling=0.5", "--only", "--seed", "3", "--scale", "2"
    )
    assert code == 0
    run = semreg.open_run(trained_run, device="cpu")
    made = edit(run, load_images(run, [photo]), add={"Bald": None}, remove={"Smiling": 0.5}, seed=3).edited[0]
    expected = (made * 255).round().to(torch.uint8).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert np.array_equal(np.asarray(Image.open("edit.png")), expected.permute(1, 2, 0).numpy())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no label to add or remove is given; known labels: Bald"),
        (["--add", "Smilling"], "no label 'Smilling'; did you mean 'Smiling'"),
        (["--add", "Bald=nan"], "Bald can be added with a strength above 0, found nan"),
        (["--add", "Bald=much"], "--add: 'Bald=much': 'much' is no number"),
        (["--add", "Bald", "--add", "Bald=2"], "--add: 'Bald' is given twice"),
        (["--add", "Bald", "--remove", "Bald"], "Bald cannot be both added and removed"),
        (["--add", "Bald", "--out", "edit.jpg"], "--out: edit.jpg doesn't end in .png, or is a folder"),
        (["--add", "Bald", "--out", "photo.jpg/edit.png"], "cannot be written"),
    ],
)
def test_mistakes_are_refused(
    command: Command, arguments: list[str], message: str, trained_run: Path, photo: Path
) -> None:
    code, output = command(trained_run, photo, *arguments)
    assert code == 2
    assert message in output
    assert [path.name for path in Path().iterdir()] == ["photo.jpg"]


def test_a_run_without_such_rows_is_told_the_lines(command: Command, trained_run: Path, photo: Path) -> None:
    [judge] = trained_run.parent.glob("judge-*")
    code, output = command(judge, photo, "--add", "Bald")
    assert (code, 'add `input = "image"` and `output = "reconstruction"`' in output) == (2, True)


def test_images_and_runs_that_are_none_are_refused(command: Command, trained_run: Path, photo: Path) -> None:
    code, output = command(trained_run, "none.png", "--add", "Bald")
    assert (code, "none.png" in output) == (2, True)
    code, output = command("nowhere", photo, "--add", "Bald")
    assert (code, "not the folder of a run" in output) == (2, True)
