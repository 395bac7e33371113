"""`semreg augment`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from semreg_atnl.augmentation import augment_class
from semreg_atnl.commands import FOLDER_NAME

from tests.trained.conftest import KINDS, Train

Command = Callable[..., tuple[int, str]]


def test_images_lie_in_the_classs_folder_beside_what_is_there(
    train: Train, refused_or_done: Command, tmp_path: Path
) -> None:
    run, out = train(KINDS), tmp_path / "faces.v2"
    (out / "b").mkdir(parents=True)
    (out / "b" / "00000.png").write_text("mine")
    arguments = ("augment", run.folder, "--class", "b", "--count", 3, "--out", out)
    said = f"class b: 3 images between training images of class b\nimages: {out / 'b'}\n"
    assert refused_or_done(*arguments) == (0, said)
    names = [f"augmented-0-0000{number}.png" for number in range(3)]
    assert sorted(path.name for path in (out / "b").iterdir()) == ["00000.png", *names]
    assert (out / "b" / "00000.png").read_text() == "mine"
    found = np.stack([np.asarray(Image.open(out / "b" / name)) for name in names])
    assert np.array_equal(found, np.rint(255 * augment_class(run, "b", 3).images[:, 0].numpy()))
    refused_or_done(*arguments, "--seed", 1, "--scale", 2)
    assert Image.open(out / "b" / "augmented-1-00002.png").size == (8, 8)
    assert len(list((out / "b").iterdir())) == 7


def test_mistakes(train: Train, refused_or_done: Command, tmp_path: Path) -> None:
    run, file = train(KINDS), tmp_path / "file"
    file.write_text("kept")

    def refused(*arguments: object) -> str:
        code, said = refused_or_done("augment", run.folder, *arguments)
        assert code == 2, said
        return said

    assert "there is no class 'd'" in refused("--class", "d", "--out", tmp_path / "new")
    assert "--count" in refused("--class", "b", "--out", tmp_path / "new", "--count", 0)
    assert "--out" in refused("--class", "b")
    assert "file can't be written; expected a folder" in refused("--class", "b", "--out", file)
    assert not (tmp_path / "new").exists()
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    ("name", "fits"), [("Ann Lee", True), ("03", True), ("..", False), ("a/b", False), ("", False)]
)
def test_names_of_classes_that_are_names_of_folders(name: str, fits: bool) -> None:
    assert bool(FOLDER_NAME.fullmatch(name)) == fits
