"""docs/use.md: its Python runs, and gives what its comments say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.docs.pages import ROOT, blocks


def test_all_code_of_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {"__name__": "page"}
    [code] = [text for language, text in blocks("use.md") if language == "python"]
    exec(compile(code, "docs/use.md", "exec"), names)
    said = re.findall(r"^(\w+) = .*# (\(\d[\d, ]*\))", code, re.MULTILINE)
    assert len(said) == 5
    assert {name: str(tuple(names[name].shape)) for name, _ in said} == dict(said)
    assert names["brighter"].shape == names["faces"].shape
