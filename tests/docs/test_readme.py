"""README.md: each of its blocks of Python runs, with a run that semreg ships in the place of one of the reader's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import semreg
from tests.docs.pages import blocks


@pytest.mark.slow
def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.png"):
        Image.new("L", (20, 30), 90).save(name)
    shipped = semreg.open_export("zoo:atnl_gm_digits")
    monkeypatch.setattr(semreg, "open_run", lambda folder: shipped)
    texts = [text for language, text in blocks("../README.md") if language == "python"]
    assert texts
    for text in texts:
        codes = torch.randn(8, 3, requires_grad=True)
        given = {"codes": codes, "labels": torch.arange(8), "images": torch.zeros(2, 1, 8, 8)}
        exec(compile(text, "README.md", "exec"), given)
