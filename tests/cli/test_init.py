"""`semreg init`."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from tests.scaffold.made import folders


def test_the_command_says_what_to_type_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders(Path("pets"), ["all"], each=20)
    Path("pets/all/IMG_003.png").write_bytes(b"no image")
    result = CliRunner().invoke(app, ["init", "mine", "--data", "pets"])
    assert result.exit_code == 0, result.output
    assert "no labels: like vae_digits" in result.stderr
    assert "1 of the images that init read are damaged" in result.stderr
    *_, last = result.stdout.splitlines()
    assert last == "next: semreg check mine.toml && semreg run mine.toml --skip-bad-images"
    check = shlex.split(last.removeprefix("next: semreg "))[:2]
    assert CliRunner().invoke(app, check).exit_code == 0


def test_a_mistake_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    result = CliRunner().invoke(app, ["init", "mine", "--data", "empty"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{tmp_path}/empty: there are no images in this folder\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "empty"]
