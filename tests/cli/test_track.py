"""`semreg track`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.cli.completion import tracker_names
from semreg.core import UserError

Said = Callable[..., str]


@pytest.fixture
def shelf(register: Callable[[str, str, Any], None]) -> None:
    register("tracker", "shelf", lambda run: f"{len(run.points)} points of {run.hash}")


@pytest.mark.usefixtures("shelf")
def test_runs_by_their_folders_and_names(fake_run: Path, said: Said, tmp_path: Path) -> None:
    other = Path(shutil.copytree(fake_run, fake_run.with_name("other")))
    printed = said("track", fake_run, "other", "--to", "shelf", "--out", fake_run.parent)
    assert printed == "".join(f"{folder}: 558 points of 3f9c1a\n" for folder in (fake_run, other))
    assert semreg.track(fake_run, "shelf") == "558 points of 3f9c1a"
    assert tracker_names("sh") == ["shelf"]


@pytest.mark.usefixtures("shelf")
def test_mistakes(refused: Said, tmp_path: Path) -> None:
    (tmp_path / "bare-0a1b").mkdir()
    (tmp_path / "bare-0a1b" / "run.json").write_text("{}")
    assert "'--to'" in refused("track", tmp_path)
    assert "did you mean 'shelf'?" in refused("track", tmp_path, "--to", "shelv")
    text = refused("track", "bare-0a1c", "--to", "shelf", "--out", tmp_path)
    assert "holds no run (there is no run.json); did you mean 'bare-0a1b'?" in text
    assert "its record has no hash" in refused("track", "bare-0a1b", "--to", "shelf", "--out", tmp_path)
    with pytest.raises(UserError, match="holds no run"):
        semreg.track(tmp_path, "shelf")
