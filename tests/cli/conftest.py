"""The commands that use a run, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trained.conftest import train, ways

__all__ = ["train", "ways"]


@pytest.fixture
def said(refused_or_done: Callable[..., tuple[int, str]]) -> Callable[..., str]:
    """`said("embed", run, folder)`: what the command says; it succeeds."""

    def said(*arguments: object) -> str:
        code, text = refused_or_done(*arguments)
        assert code == 0, text
        return text

    return said


@pytest.fixture
def refused(refused_or_done: Callable[..., tuple[int, str]]) -> Callable[..., str]:
    """`refused("embed", run, folder)`: what the command says against it, with exit code 2."""

    def refused(*arguments: object) -> str:
        code, text = refused_or_done(*arguments)
        assert code == 2, text
        return text

    return refused


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of three images of different sizes, kinds and formats."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (30, 20), (200, 10, 10)).save(folder / "2.jpg")
    Image.fromarray(np.eye(4, dtype=np.uint8) * 255).save(folder / "10.png")
    Image.new("P", (9, 40), 3).save(folder / "a.gif")
    return folder
