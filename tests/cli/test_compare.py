"""`semreg compare` by its entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.cli.main import app
from tests.conftest import write_fake_run


def ended(*arguments: object) -> object:
    """The exit code of the command, in this process."""
    with pytest.raises(SystemExit) as end:
        app(["compare", *map(str, arguments)], prog_name="semreg")
    return end.value.code


def test_the_table_is_printed_and_written(fake_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_fake_run(fake_run.with_name("olr_celeba-000000"))
    figures = ("--figures", "linear.*", "--plot", "linear.linear:linear.ratio", "--judge-on", "test")
    assert ended("olr_celeba-3*", "--out", fake_run.parent, "--name", "mine", *figures) == 0
    printed = capsys.readouterr()
    [folder] = (fake_run.parent / "tables").iterdir()
    assert folder.name.startswith("mine-")
    assert (folder / "table.md").read_text() == printed.out
    assert printed.out.startswith("# mine: 1 recipe × 1 seed\n")
    assert printed.err.splitlines() == [f"table: {folder / name}" for name in ("table.md", "table.html")]


def test_runs_that_failed_are_said_and_are_no_failure_of_the_command(
    fake_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fake_run / "run.json").write_text("{")
    assert ended(fake_run, "--out", fake_run.parent) == 0
    assert "olr_celeba-3f9c1a damaged: " in capsys.readouterr().out


def test_mistakes_get_one_message_and_exit_code_2(fake_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("olr_celebs-3f9c1a", "--out", fake_run.parent) == 2
    assert "did you mean 'olr_celeba-3f9c1a'?" in capsys.readouterr().err
    assert not (fake_run.parent / "tables").exists()
