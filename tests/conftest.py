"""Fixtures of several test files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a made-up distribution for this test: metadata, entry points and modules in a folder on the path.

    `install("semreg-toy", {"semreg.losses": {"toy": "toy:loss"}}, toy="def loss(a): ...")` returns the folder, which a
    subprocess finds too, by PYTHONPATH.
    """
    paths: list[str] = []

    def install(
        distribution: str, groups: dict[str, dict[str, str]] | str, version: str = "1.2", **modules: str
    ) -> Path:
        folder = tmp_path / "site" / distribution
        information = folder / f"{re.sub('-', '_', distribution)}-{version}.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        if not isinstance(groups, str):
            sections = ([f"[{group}]", *(f"{k} = {v}" for k, v in points.items())] for group, points in groups.items())
            groups = "\n".join(line for section in sections for line in section)
        (information / "entry_points.txt").write_text(groups)
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        paths.append(str(folder))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", ":".join(paths))
        return folder

    return install
