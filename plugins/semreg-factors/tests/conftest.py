from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from semreg_factors.grid import FactorGrid
from semreg_factors.published import Published

Publish = Callable[[type[Published], FactorGrid, Mapping[str, bytes]], Path]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Make files be those that are published of a data set, with a smaller grid; gives the data root."""

    def published(kind: type[Published], grid: FactorGrid, contents: Mapping[str, bytes]) -> Path:
        folder = tmp_path / "root" / kind.FOLDER
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        files = [replace(file, md5=hashlib.md5(contents[file.name]).hexdigest()) for file in kind.FILES]
        monkeypatch.setattr(kind, "FILES", tuple(files))
        monkeypatch.setattr(kind, "GRID", grid)
        return tmp_path / "root"

    return published
