"""docs/python.md: its code runs, and gives what its comments say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import catalogue
import pytest

from tests.docs.pages import blocks


@pytest.fixture
def forget() -> Iterator[None]:
    yield
    catalogue.REGISTRY.pop(("semreg", "losses", "charbonnier"), None)


@pytest.mark.usefixtures("no_hooks", "forget")
def test_all_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for language, text in blocks("python.md"):
        assert language == "python"
        exec(compile(text, "docs/python.md", "exec"), names)
    assert names["codes"].shape == (4, 16)
    assert names["images"].shape == (4, 1, 8, 8)
    assert names["path"].shape == (1, 10, 1, 8, 8)
    assert "charbonnier" in [one.name for one in names["semreg"].components("loss")]
