"""Commands of other distributions: listed by name, loaded when invoked, broken alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

from semreg.cli.commands import can_type, first_line
from semreg.cli.main import app

TYPER = """
import typer
app = typer.Typer()

@app.command()
def hello(name: str, loud: bool = False):
    print('HELLO' if loud else 'hello', name)

@app.command()
def refuse():
    from semreg.core.errors import UserError
    raise UserError('here', 'not like this')
"""
FUNCTION = "def double(number: int) -> None:\n    print(2 * number)"


def semreg(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "semreg", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_applications_and_functions_become_commands(install: Callable[..., Path]) -> None:
    groups = {"semreg.commands": {"toys": "toy_commands:app", "double": "toy_function:double"}}
    install("semreg-toy", groups, toy_commands=TYPER, toy_function=FUNCTION)
    assert semreg("toys", "hello", "you", "--loud").stdout == "HELLO you\n"
    assert semreg("double", "21").stdout == "42\n"
    assert "Usage: semreg toys" in semreg("toys", "--help").stdout
    wrong = semreg("double", "x")
    assert wrong.returncode == 2
    assert "Usage: semreg double" in wrong.stderr
    refused = semreg("toys", "refuse")
    assert (refused.returncode, refused.stderr.strip()) == (2, "here: not like this")


def test_help_lists_a_broken_command_and_only_its_use_fails(install: Callable[..., Path]) -> None:
    install("semreg-broken", {"semreg.commands": {"toys": "toy_broken_command"}}, toy_broken_command="1 / 0")
    shown = semreg("--help")
    assert shown.returncode == 0
    assert "Brought by semreg-broken 1.2." in " ".join(shown.stdout.split())
    failed = semreg("toys")
    assert failed.returncode == 2
    assert failed.stderr.startswith("semreg-broken 1.2: its command 'toys' cannot be imported")
    assert "ZeroDivisionError" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_command_claimed_twice_is_refused_naming_both(install: Callable[..., Path]) -> None:
    install("semreg-one", {"semreg.commands": {"double": "toy_one:double"}}, toy_one=FUNCTION)
    install("semreg-two", {"semreg.commands": {"double": "toy_two:double"}}, toy_two=FUNCTION)
    refused = semreg("double", "1")
    assert refused.returncode == 2
    assert "semreg-one 1.2" in refused.stderr
    assert "semreg-two 1.2" in refused.stderr


def test_the_cores_commands_cannot_be_taken(install: Callable[..., Path]) -> None:
    install("semreg-greedy", {"semreg.commands": {"list": "toy_greedy:double"}}, toy_greedy=FUNCTION)
    assert "l1" in semreg("list", "loss").stdout


DOCUMENTED = """
import no_such_module

def double(number: int) -> None:
    \"\"\"Double a number.

    And more.
    \"\"\"
"""


def test_help_shows_a_commands_first_line_without_importing_it(install: Callable[..., Path]) -> None:
    install("semreg-toy", {"semreg.commands": {"double": "toy_documented:double"}}, toy_documented=DOCUMENTED)
    listed = semreg("--help").stdout
    assert "  double       Double a number.\n" in listed
    assert "Brought by" not in listed


def test_first_lines_of_modules_in_packages_and_of_what_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    inner = tmp_path / "toy_package" / "inner"
    inner.mkdir(parents=True)
    (inner / "commands.py").write_text(DOCUMENTED + "\ndef bare(): pass\napp = 3\n")
    (inner / "broken.py").write_text("def double(:")
    for folder in (inner, inner.parent):
        (folder / "__init__.py").write_text("1 / 0")
    assert first_line("toy_package.inner.commands:double") == "Double a number."
    for target in ("commands:bare", "commands:app", "commands:gone", "commands", "broken:double", "gone:double"):
        assert first_line(f"toy_package.inner.{target}") == ""
    for target in ("toy_gone:double", "toy_package.gone.commands:double", "", ":", "..:x", "sys:exit", "__main__:x"):
        assert first_line(target) == ""
    assert not {"toy_package", "toy_package.inner"} & sys.modules.keys()


def test_a_function_is_a_command_that_helps_as_ours_do(install: Callable[..., Path]) -> None:
    source = 'def double(number: int) -> None:\n    """Double [a] number, [bold]."""'
    install("semreg-toy", {"semreg.commands": {"double": "toy_helping:double"}}, toy_helping=source)
    shown = semreg("double", "-h")
    assert shown.returncode == 0
    assert "Double [a] number, [bold]." in shown.stdout


@pytest.mark.parametrize(
    ("name", "fits"), [("one-word", True), ("", False), ("two words", False), ("--option", False), ("\x1b[2J", False)]
)
def test_what_nobody_can_type_is_no_command(name: str, fits: bool, install: Callable[..., Path]) -> None:
    install("semreg-toy", {"semreg.commands": {name: "toy:command", "usual": "toy:command"}})
    listed = get_command(app).list_commands(None)  # type: ignore[attr-defined, arg-type]
    assert can_type(name) is fits
    assert (name in listed) is fits
    assert "usual" in listed
