"""`semreg interpolate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semreg.trained import interpolate
from semreg.trained.images import load_images
from tests.trained.conftest import KINDS, Train

Said = Callable[..., str]


def test_a_strip_frames_and_an_animation(train: Train, pictures: Path, said: Said, tmp_path: Path) -> None:
    run = train()
    ends = (pictures / "2.jpg", pictures / "10.png", "--steps", 11)
    out = tmp_path / "deep" / "strip.png"
    assert said("interpolate", run.folder, *ends, "--out", out) == f"images: {out}\n"
    assert Image.open(out).size == (11 * 128 + 10 * 6, 128)
    assert said("interpolate", run.folder.name, *ends, "--runs", run.folder.parent, "--out", out, "--scale", 2)
    assert Image.open(out).size == (11 * 8 + 10 * 6, 8)
    said("interpolate", run.folder, *ends, "--out", tmp_path / "a.gif")
    assert Image.open(tmp_path / "a.gif").n_frames == 11
    frames = tmp_path / "frames"
    assert said("interpolate", run.folder, *ends, "--out", frames) == f"images: {frames}\n"
    names = sorted(path.name for path in frames.iterdir())
    assert names == [f"{number:02d}.png" for number in range(11)]
    a, b = load_images(run, ends[:2]).split(1)
    expected = np.rint(interpolate(run, a, b, steps=11)[0].numpy() * 255)
    found = np.stack([np.asarray(Image.open(frames / name)) for name in names])
    assert np.abs(found - expected[:, 0]).max() <= 1


@pytest.mark.usefixtures("ways")
def test_an_interpolator_as_a_recipe_writes_it(train: Train, pictures: Path, said: Said, tmp_path: Path) -> None:
    run, shown = train(f'{KINDS}[model.interpolator]\nuse = "bent"\nheight = 2.0\n'), []
    choices = ("linear", "bent", '{ use = "bent", height = 0.0 }', '{ use = "bent", height = 2.0 }', "fitted")
    for option in ([], *(["--interpolator", choice] for choice in choices)):
        out = tmp_path / f"{len(shown)}.png"
        said("interpolate", run.folder, pictures / "2.jpg", pictures / "a.gif", *option, "--out", out)
        shown.append(out.read_bytes())
    own, straight, by_name, flat, written, fitted = shown
    assert own == by_name == written, "the options that [model] gives it"
    assert straight == flat
    assert len({own, straight, fitted}) == 3


def test_mistakes(train: Train, pictures: Path, refused: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train()
    monkeypatch.chdir(tmp_path)
    a, b = pictures / "2.jpg", pictures / "10.png"
    (tmp_path / "text.png").write_text("no image")
    before = sorted(path.name for path in tmp_path.iterdir())

    def wrong(*arguments: object) -> str:
        return refused("interpolate", *arguments)

    assert "this is not the folder of a run" in wrong("gone", a, b)
    text = wrong(run.folder, tmp_path / "gone.png", tmp_path / "text.png")
    assert "gone.png" in text
    assert "there is no such image file" in text
    assert "text.png" in text
    assert "not a readable image" in text
    assert "--steps" in wrong(run.folder, a, b, "--steps", 1)
    assert 'add `attributes = { label = "z" }`' in wrong(run.folder, a, b, "--interpolator", "geodesic")
    assert "did you mean 'linear'" in wrong(run.folder, a, b, "--interpolator", "linar")
    assert "not a table as in a recipe" in wrong(run.folder, a, b, "--interpolator", "{ use = }")
    assert "strip.jpg can't be written; expected a .png, a .gif or a folder" in wrong(
        run.folder, a, b, "--out", "strip.jpg"
    )
    assert "text.png/x.png" in wrong(run.folder, a, b, "--out", tmp_path / "text.png" / "x.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
