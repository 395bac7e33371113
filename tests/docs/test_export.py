"""docs/export.md: its code in Python exports a run, and opens the export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import blocks
from tests.exporting.conftest import trained_folder

__all__ = ["trained_folder"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_hooks")
def test_its_code_runs(trained_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(trained_folder.parents[1] / "cache"))
    [code] = [text for language, text in blocks("export.md") if language == "python"]
    names: dict[str, Any] = {}
    exec(compile(code.replace("runs/olr_celeba-3f9c1a", str(trained_folder)), "docs/export.md", "exec"), names)
    assert (tmp_path / "faces" / "decoder.pt2").is_file()
    assert set(names["run"].modules) == {"encoder", "decoder", "prior"}
