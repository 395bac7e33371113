"""The kit finds what is wrong with commands, and says so by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer

import semreg
from semreg.cli.embed import embed
from semreg.cli.interpolate import interpolate
from semreg.cli.sample import sample
from semreg.core import UserError
from semreg.testing import check_command
from tests.cli.conftest import pictures

__all__ = ["pictures"]

HERE = {"quick"}
"""This module imports the kit, and so PyTorch."""

SOURCE = '''
from typing import Annotated
import typer

def double(number: Annotated[int, typer.Argument(help="Of any size.")]) -> None:
    """Double a number."""
    print(2 * number)
'''

File = Annotated[Path, typer.Argument(help="A file.")]


def good(file: File, times: Annotated[int, typer.Option(help="How often.")] = 1) -> None:
    """Print a file."""
    if not file.is_file():
        raise UserError(str(file), "is not a file")
    Path("made.txt").write_text("made")
    print(times * file.read_text())


def traceback(file: File) -> None:
    """Print a file."""
    print(file.read_text())


def blind(file: File) -> None:
    """Print nothing of a file."""
    print("done")


def untold(file: Path) -> None:
    """Print a file."""
    good(file)


def title(file: File) -> None:
    """A printer of files"""
    good(file)


def undocumented(file: File) -> None:
    good(file)


def quiet(file: File) -> None:
    """Print nothing."""


def failing(file: File) -> None:
    """Fail."""
    raise typer.Exit(1)


def count(file: File) -> None:
    """Print how many files there are."""
    good(file)
    Path(f"{len(list(Path().iterdir()))}.txt").touch()
    print(len(list(Path().iterdir())))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_text("text")
    return path


def test_what_is_right_passes(file: Path) -> None:
    check_command(good, file, "--times", "2", exempt=HERE)
    assert [path.name for path in file.parent.iterdir()] == ["file.txt"], "what it writes goes elsewhere"


@pytest.mark.parametrize(
    ("command", "check", "words"),
    [
        (traceback, "refusals", "without file.txt it ends in FileNotFoundError; raise a UserError"),
        (blind, "refusals", "without file.txt it ends with exit code 0"),
        (untold, "help", "file: --help says nothing of it"),
        (title, "documentation", "'A printer of files' is not a sentence"),
        (undocumented, "documentation", "there is no docstring"),
        (quiet, "run", "it prints nothing"),
        (failing, "run", "it ends with exit code 1"),
        (count, "repeated", "done again, it printed 'text"),
    ],
)
def test_each_fault_is_found(command: Callable[..., None], check: str, words: str, file: Path) -> None:
    with pytest.raises(AssertionError, match=words) as raised:
        check_command(command, file, exempt=HERE)
    assert check in str(raised.value)


def test_a_slow_import_and_a_broken_one_are_found(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("semreg-slow", {}, slow_command=f"import torch\n{SOURCE}", torch="")  # one that is quick to import
    install("semreg-broken", {}, broken_command=SOURCE)
    slow, broken = (importlib.import_module(name).double for name in ("slow_command", "broken_command"))
    with pytest.raises(AssertionError, match=r"1 of 6 checks failed\n  quick: slow_command imports PyTorch"):
        check_command(slow, "21")
    check_command(broken, "21")
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(AssertionError, match=r"quick: broken_command can't be imported: .*No module named"):
        check_command(broken, "21")


def test_our_own_commands_conform(toy: Callable[..., Path], no_hooks: None, pictures: Path, tmp_path: Path) -> None:
    run = semreg.run(toy('[model.prior]\nz = "prior"\n'), out=tmp_path / "runs", device="cpu").folder
    check_command(embed, run, pictures, "--out", "codes.csv")
    check_command(interpolate, run, pictures / "2.jpg", pictures / "10.png")
    check_command(sample, run)
