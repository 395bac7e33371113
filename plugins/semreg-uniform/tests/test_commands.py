"""`semreg transfer`: what it writes, and what it refuses, each by one message and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from semreg_uniform.transferring import transfer

import semreg
from semreg.trained.images import load_images

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(refused_or_done: Command) -> Command:
    return lambda *arguments: refused_or_done("transfer", *arguments, "--device", "cpu")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two images of other sizes and kinds than the run's, in the working folder."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 256, (33, 21, 3), dtype=np.uint8)).save("a.jpg")
    Image.fromarray(random.integers(0, 256, (9, 21, 4), dtype=np.uint8)).save("b.png")
    return [Path("a.jpg"), Path("b.png")]


def test_both_images_and_the_result_are_written_side_by_side(
    command: Command, trained_run: Path, photos: list[Path]
) -> None:
    a, b = photos
    assert command(trained_run, a, "--from", b, "--attributes", "tone, shape") == (0, "image: transfer.png\n")
    with Image.open("transfer.png") as picture:
        assert picture.width > 3 * picture.height / 2


def test_the_result_alone_is_what_the_function_makes(command: Command, trained_run: Path, photos: list[Path]) -> None:
    a, b = photos
    assert command(trained_run, a, "--from", b, "--attributes", "tone", "--only", "--out", "only.png")[0] == 0
    run = semreg.open_run(trained_run, device="cpu")
    images = load_images(run, [a, b])
    made = transfer(run, images[:1], images[1:], ["tone"])[0, 0]
    assert np.array_equal(np.asarray(Image.open("only.png")), ((made + 1) / 2 * 255).round().byte().numpy())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "b.png", "--attributes", "tones"], "no attribute 'tones'; did you mean 'tone'"),
        (["--from", "b.png", "--attributes", ","], "no attribute is named; expected one of: shape, tone"),
        (["--from", "c.png", "--attributes", "tone"], "c.png"),
        (["--from", "b.png", "--attributes", "tone", "--out", "there"], "there doesn't end in .png, or is a folder"),
        (["--attributes", "tone"], "Missing option '--from'"),
    ],
)
def test_mistakes_are_refused(
    command: Command, arguments: list[str], message: str, trained_run: Path, photos: list[Path]
) -> None:
    code, output = command(trained_run, photos[0], *arguments)
    assert code == 2
    assert message in output
    assert sorted(path.name for path in Path().iterdir()) == ["a.jpg", "b.png"]


def test_a_run_without_codes_by_attribute_is_told_the_lines(
    command: Command, trained_run: Path, photos: list[Path]
) -> None:
    [judge] = trained_run.parent.glob("judge-*")
    code, output = command(judge, photos[0], "--from", photos[1], "--attributes", "tone")
    assert code == 2
    assert "names no input and no output and no attributes; add" in output
    assert 'and `attributes = { label = "z" }`' in output
