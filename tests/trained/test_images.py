"""Images of one's own for a run, and images of a run's as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import semreg
from semreg.core import UserError
from semreg.core.errors import CannotWrite
from semreg.trained.images import images_and_others, images_in, load_images, write_image, write_images
from semreg.trained.run import Run

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def run(toy: Callable[..., Path], tmp_path: Path) -> Run:
    return semreg.run(toy(), out=tmp_path / "runs", device="cpu", overrides=["data.range=[-1, 1]"])


def test_what_is_written_is_read_again(run: Run, tmp_path: Path) -> None:
    images = run.tensor("image").read("test")
    paths = [tmp_path / "new" / f"{row}.png" for row in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        write_image(path, image, run)
    assert torch.equal(load_images(run, paths), images)
    write_images(tmp_path / "all", {f"{row}.png": image for row, image in enumerate(images)}, run, scale=3)
    assert Image.open(tmp_path / "all" / "0.png").size == (12, 12)
    assert load_images(run, []).shape == (0, 1, 4, 4)


def test_images_of_any_size_and_format_are_read_as_the_data_are(run: Run, tmp_path: Path) -> None:
    colours = np.zeros((40, 80, 3), np.uint8)
    colours[:, 20:60] = (255, 0, 0)
    Image.fromarray(colours).save(tmp_path / "a.webp", lossless=True)
    Image.new("L", (3, 2), 255).save(tmp_path / "b.gif")
    red, white = load_images(run, [tmp_path / "a.webp", str(tmp_path / "b.gif")])
    assert torch.allclose(red, torch.full((1, 4, 4), 2 * 76 / 255 - 1), atol=1e-6)  # the grey of red, and no black side
    assert torch.equal(white, torch.ones(1, 4, 4))


def test_every_file_that_cannot_be_read_is_named(run: Run, tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(UserError) as refused:
        load_images(run, [tmp_path / name for name in ("gone.png", "good.png", "bad.png")])
    assert [Path(problem.where).name for problem in refused.value.problems] == ["gone.png", "bad.png"]
    with pytest.raises(UserError, match="at least 30 errors"):
        load_images(run, ["gone.png"] * 1000)


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    names = ["2.png", "10.png", "a9.JPG", "a10.jpg", "b/1.png", "b/02.png", "b/3.gif"]
    for name in [*reversed(names), "notes.txt", ".hidden.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert images_in(tmp_path) == names
    for folder, said in ((tmp_path / "gone", "no such folder"), (tmp_path / "notes.txt", "no such folder")):
        with pytest.raises(UserError, match=said):
            images_in(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        images_in(tmp_path / "empty")


def test_what_cannot_be_written_is_told_and_left_as_it_was(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    image = torch.rand(1, 4, 4)
    writes: list[Any] = [
        lambda: write_image(tmp_path / "file" / "a.png", image, run),
        lambda: write_images(tmp_path / "file", {"a.png": image}, run),
        lambda: write_image(tmp_path, image, run),
    ]
    for write in writes:
        with pytest.raises(CannotWrite, match="cannot be written"):
            write()
    with pytest.raises(ValueError, match="an image has shape"):
        write_images(tmp_path / "new", {"a.png": image, "b.png": image[0]}, run)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "file").read_text() == "kept"
    assert not list(tmp_path.glob(".*.part"))


def test_images_lie_on_the_background_of_the_data_and_have_their_white(run: Run, tmp_path: Path) -> None:
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "clear.png")
    Image.fromarray(np.full((4, 4), 4095, np.uint16)).save(tmp_path / "deep.png")
    assert torch.equal(load_images(run, [tmp_path / "clear.png"]), torch.ones(1, 1, 4, 4))
    with pytest.raises(UserError, match="`white = 4095` under"):
        load_images(run, [tmp_path / "deep.png"])
    record = json.loads((run.folder / "run.json").read_text())
    record["data"]["taken"]["pixels"] |= {"background": "black", "white": 4095}
    (run.folder / "run.json").write_text(json.dumps(record))
    clear, deep = load_images(run, [tmp_path / "clear.png", tmp_path / "deep.png"])
    assert torch.equal(clear, -torch.ones(1, 4, 4))
    assert torch.equal(deep, torch.ones(1, 4, 4))
    for pixels in ({"background": "red"}, {"white": "much"}, {"filter": "nearest"}, []):
        record["data"]["taken"]["pixels"] = pixels
        (run.folder / "run.json").write_text(json.dumps(record))
        with pytest.raises(UserError, match="are not those of a run"):
            load_images(run, [tmp_path / "clear.png"])


def test_what_else_lies_in_a_folder_is_counted(tmp_path: Path) -> None:
    for name in ("2.png", "10.png", "@eaDir/2.png", "notes.txt", ".hidden.png", "photo.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    images, others = images_and_others(tmp_path)
    assert list(images) == ["2.png", "10.png"]
    assert {".txt", "hidden files", "@eaDir/"} <= others.keys()
    (tmp_path / "only").mkdir()
    (tmp_path / "only/a.heic").write_bytes(b"")
    if ".heic" in others:  # where nothing reads it
        with pytest.raises(UserError, match=r"this folder holds no images; 1 \.heic files are images, and not used"):
            images_in(tmp_path / "only")
