"""docs/runs.md: its code in Python is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, blocks


@pytest.mark.usefixtures("no_hooks")
def test_the_hook_of_the_page_hears_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = [text for language, text in blocks("runs.md") if language == "python"]
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "docs/runs.md", "exec"), names)
    errors = names["course"].errors
    assert len(errors) == 4
    assert 0 < errors[-1] < errors[0]
    [run] = (tmp_path / "runs").iterdir()
    assert not (run / "warnings.jsonl").exists()
