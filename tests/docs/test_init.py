"""docs/init.md: what the page says decides is what decides, and its commands lead to a report."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.scaffold.families import FAMILIES, SIZES
from tests.docs.pages import ROOT, blocks
from tests.scaffold.made import folders

PAGE = (ROOT / "docs" / "init.md").read_text()


def test_the_page_names_all_families() -> None:
    assert set(re.findall(r"^\|.*\| `(\w+)` \|$", PAGE, re.MULTILINE)) == FAMILIES.keys()
    assert all(f"{size}" in PAGE for size in SIZES)


@pytest.mark.slow
def test_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    layout, commands = (text for _, text in blocks("init.md"))
    folders(tmp_path / "photos", {Path(line).parts[1] for line in layout.split()}, ending=".jpg")
    for line in commands.splitlines():
        [_, *arguments] = shlex.split(line)
        short = ["--set", "phases.main.epochs=1"] if arguments[0] == "run" else []
        result = CliRunner().invoke(app, [*arguments, *short])
        assert result.exit_code == 0, result.output
    assert next(Path("runs").glob("mine-*/report.html")).is_file()
