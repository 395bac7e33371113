"""`semreg export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.exporting import writing
from semreg.exporting.comparing import Reading
from semreg.exporting.writing import Exported

Said = Callable[..., str]


def test_it_says_what_was_found(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def export_run(folder: Path, out: Path, **options: Any) -> Exported:
        asked.update(options, folder=folder, out=out)
        left_out = {"prior": "nothing calls it"}
        reading = Reading(levels=1, share=0, codes=0.0123)
        return Exported(out, {"encoder.pt2": 1.25e-7}, reading, 0.0034, left_out, 2_000_000, "https://hub.example")

    monkeypatch.setattr(writing, "export_run", export_run)
    monkeypatch.delenv("SEMREG_DATA", raising=False)
    text = said(
        "export", tmp_path / "run", "--out", "there", "--onnx", "--half", "--module", "prior", "--license", "mit",
        "--push", "a/b", "--images", "photos",
    )  # fmt: skip
    assert text.splitlines() == [
        "left out: prior: nothing calls it",
        "encoder.pt2: 1e-07 from the run's at most",
        "images of other sizes: 1 grey level at most, codes 0.012 deviations from the run's",
        "rounding to half precision: 0.003 of the output at most",
        "export: there (2.0 MB)",
        "uploaded: https://hub.example",
    ]
    assert asked == {
        "folder": tmp_path / "run", "out": Path("there"), "onnx": True, "half": True, "modules": ["prior"],
        "images": Path("photos"), "license": "mit", "push": "a/b", "data_root": Path("data"),
    }  # fmt: skip


def test_mistakes(refused: Said, tmp_path: Path) -> None:
    assert "exists already" in refused("export", tmp_path / "run", "--out", tmp_path)
    assert "this is not the folder of a run" in refused("export", tmp_path / "run", "--out", tmp_path / "out")
    assert "did you mean 'zoo:olr_faces'" in refused("export", "zoo:olr_face", "--out", tmp_path / "out")
    assert not list(tmp_path.iterdir())
