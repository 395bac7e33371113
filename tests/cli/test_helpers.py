"""What commands share that use a trained run: where they may write, what they write, what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semreg.cli.helpers import ENOUGH, file_kind, require_png, trained, write_beside
from semreg.core import UserError
from semreg.trained.run import Run
from tests.trained.conftest import Train


@pytest.fixture
def run(train: Train) -> Run:
    return train()


def test_a_run_is_used_by_its_folder_or_its_name(run: Run) -> None:
    images = torch.rand(2, 1, 4, 4)
    for name in (run.folder, Path(run.folder.name)):
        with trained(name, runs=run.folder.parent, data_root=Path("data"), device="cpu") as opened:
            assert torch.equal(opened.encode(images), run.encode(images))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("count: 0 images can't be drawn"), "count: 0 images can't be drawn"),
        (MemoryError(), "memory ran out; use fewer images at a time"),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory ran out; use fewer images at a time"),
    ],
)
def test_what_is_refused_with_a_run_is_told_with_its_folder(run: Run, error: Exception, told: str) -> None:
    with (
        pytest.raises(UserError) as refused,
        trained(run.folder, runs=Path("runs"), data_root=Path("data"), device="cpu"),
    ):
        raise error
    assert refused.value.text() == f"{run.folder}: {told}"


def test_an_error_of_ours_is_not_told_as_the_users(run: Run) -> None:
    with (
        pytest.raises(RuntimeError, match=r"^broken$"),
        trained(run.folder, runs=Path("runs"), data_root=Path("data"), device="cpu"),
    ):
        raise RuntimeError("broken")


def test_what_is_written_is_told_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    for name, endings, kind in (
        ("a.png", (".png", ".gif"), ".png"),
        ("a.GIF", (".png", ".gif"), ".gif"),
        ("new", (".png",), None),
        ("folder.png", (".png",), None),
        ("with.dots", (), None),
    ):
        assert file_kind(tmp_path / name, *endings) == kind
    for name, endings, told in (
        ("a.jpg", (".png", ".gif"), "expected a .png, a .gif or a folder"),
        ("a.jpg", (".png",), "expected a .png or a folder"),
        ("file", (".png",), "expected a .png or a folder"),
        ("file", (), "expected a folder"),
    ):
        with pytest.raises(UserError, match=f"--out: .*{name} can't be written; {told}$"):
            file_kind(tmp_path / name, *endings)


def test_a_picture_is_called_png(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    require_png(tmp_path / "new.PNG")
    for name in ("a.jpg", "a", "folder.png"):
        with pytest.raises(UserError, match=f"--out: .*{name} doesn't end in .png, or is a folder"):
            require_png(tmp_path / name)


def test_images_stand_beside_each_other_or_the_last_alone(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = {"image": torch.zeros(1, 4, 4), "changed": torch.ones(1, 4, 4)}
    out = tmp_path / "new" / "a.png"
    write_beside(out, images, run, only=False, scale=None)
    drawn = np.asarray(Image.open(out).convert("L"))
    scale = ENOUGH // 4
    assert drawn.shape[1] == 2 * 4 * scale + 6
    assert drawn.shape[0] > 4 * scale, "their names stand above"
    assert set(np.unique(drawn[-4 * scale :, : 4 * scale])) == {0}
    assert set(np.unique(drawn[-4 * scale :, 4 * scale :])) == {255}
    write_beside(out, images, run, only=True, scale=None)
    assert np.asarray(Image.open(out)).tolist() == [[255] * 4] * 4
    write_beside(out, images, run, only=True, scale=3)
    assert Image.open(out).size == (12, 12)
    assert capsys.readouterr().out == f"image: {out}\n" * 3
