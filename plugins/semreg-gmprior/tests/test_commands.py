"""`semreg inpaint`: what it writes, and what it refuses, each by one message and nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from semreg_gmprior.evaluations.masks import mask_of
from semreg_gmprior.inpainting import inpaint

import semreg
from semreg.trained.images import load_images

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(refused_or_done: Command) -> Command:
    return lambda *arguments: refused_or_done("inpaint", *arguments, "--device", "cpu")


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image of another size and kind than the run's, in the working folder, with masks beside it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (33, 21, 3), dtype=np.uint8)).save("photo.jpg")
    drawn = Image.new("L", (21, 33))
    drawn.save("empty.png")
    drawn.paste(255, (0, 10, 21, 20))
    drawn.save("stripe.png")
    Image.new("L", (5, 4), 255).save("full.png")
    return Path("photo.jpg")


@pytest.mark.parametrize("mask", ["right-half", "bottom_half", "eyes", "nose-mouth", "stripe.png"])
def test_image_masked_image_and_result_are_written_side_by_side(
    command: Command, mask: str, trained_runs: tuple[Path, Path], photo: Path
) -> None:
    assert command(trained_runs[0], photo, "--mask", mask) == (0, "image: inpainted.png\n")
    with Image.open("inpainted.png") as picture:
        assert picture.width > 3 * picture.height / 2


def test_the_result_alone_is_what_the_function_makes(
    command: Command, trained_runs: tuple[Path, Path], photo: Path
) -> None:
    arguments = [trained_runs[1], photo, "--mask", "stripe.png", "--class", "long", "--only", "--out", "only.png"]
    assert command(*arguments)[0] == 0
    run = semreg.open_run(trained_runs[1], device="cpu")
    made = inpaint(run, load_images(run, [photo]), mask_of("stripe.png", 8, 8)[1], label="long").filled[0]
    expected = ((made + 1) / 2 * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(Image.open("only.png")), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mask", "right-hafl"], "--mask: 'right-hafl' is neither the name of a mask"),
        (["--mask", "empty.png"], "--mask: empty takes no pixel away from images of 8 × 8"),
        (["--mask", "full.png"], "--mask: full takes every pixel away"),
        (["--mask", "photo.txt"], "neither the name of a mask"),
        (["--mask", "eyes", "--class", "long"], "this model takes no class"),
        (["--mask", "eyes", "--out", "photo.jpg"], "--out: photo.jpg doesn't end in .png, or is a folder"),
        ([], "Missing option '--mask'"),
    ],
)
def test_mistakes_are_refused(
    command: Command, arguments: list[str], message: str, trained_runs: tuple[Path, Path], photo: Path
) -> None:
    before = sorted(Path().iterdir())
    code, output = command(trained_runs[0], photo, *arguments)
    assert code == 2
    assert message in output
    assert sorted(Path().iterdir()) == before


def test_a_run_that_does_not_say_what_it_reconstructs_is_told_the_lines(
    command: Command, trained_runs: tuple[Path, Path], photo: Path
) -> None:
    shutil.copytree(trained_runs[0], "copy")
    recipe = json.loads(Path("copy/recipe.json").read_text())
    del recipe["model"]
    Path("copy/recipe.json").write_text(json.dumps(recipe))
    code, output = command("copy", photo, "--mask", "eyes")
    assert code == 2
    assert 'names no input and no output; add `input = "image"` and `output = "reconstruction"`' in output
