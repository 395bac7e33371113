"""Checks of commands, the functions behind `semreg NAME`."""

from __future__ import annotations

import contextlib
import inspect
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from semreg.cli.commands import as_command, first_line
from semreg.core import UserError
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation

LONGEST_LINE = 80
"""The most characters of a command's line in `semreg --help`."""


def check_command(command: Callable[..., Any], *arguments: str | Path, exempt: Collection[str] = ()) -> None:
    """Check a command: its help is fast, its results repeat, and it reports a user's error in one message.

    Checks: "documentation" (its first line, which `semreg --help` shows, is one sentence), "help" (`--help` has a text
    for each argument and option), "quick" (its module doesn't import PyTorch, which would delay the help), "run" (with
    the arguments it succeeds and prints something), "repeated" (a second run prints the same, whatever the first one
    wrote) and "refusals" (a missing file or folder raises UserError). The checks run it in an empty folder.

    Args:
        command: the function that the entry point names.
        arguments: of the command line, such as a trained run's folder; files and folders as `Path`.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    given = [argument.absolute() if isinstance(argument, Path) else argument for argument in arguments]
    checks = Checks(getattr(command, "__name__", type(command).__name__), exempt)
    checks.run("documentation", _check_first_line, command)
    checks.run("help", _check_help, command)
    checks.run("quick", _check_quick, command)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        printed: list[str] = []
        checks.run("run", lambda: printed.append(_printed(command, given)))
        checks.run("repeated", lambda: _check_repeated(command, given, printed))
        checks.run("refusals", _check_refusals, command, given)
    checks.end()


def _invoked(command: Callable[..., Any], arguments: Sequence[str | Path]) -> tuple[int, str]:
    """Return a command's exit code and output. Raises the command's exceptions."""
    output, code = io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            as_command(command).main(args=[str(argument) for argument in arguments], prog_name="semreg")
        except SystemExit as end:
            code = int(end.code or 0)
    return code, output.getvalue()


def _printed(command: Callable[..., Any], arguments: Sequence[str | Path]) -> str:
    code, output = _invoked(command, arguments)
    require(code == 0, f"it ends with exit code {code}: {output}")
    require(bool(output.strip()), "it prints nothing, not even what it wrote")
    return output


def _check_first_line(command: Callable[..., Any]) -> None:
    check_documentation(command)
    line = first_line(f"{command.__module__}:{command.__name__}") or (inspect.getdoc(command) or "").splitlines()[0]
    fits = line.endswith(".") and len(line) <= LONGEST_LINE
    require(fits, f"{line!r} is not a sentence of at most {LONGEST_LINE} characters, as `semreg --help` lists it")


def _check_help(command: Callable[..., Any]) -> None:
    _printed(command, ["--help"])
    untold = [parameter.name for parameter in as_command(command).params if not getattr(parameter, "help", None)]
    require(not untold, f"{', '.join(untold)}: --help says nothing of it")


def _check_quick(command: Callable[..., Any]) -> None:
    code = f"import sys, {command.__module__}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{command.__module__} can't be imported: {done.stderr.strip().splitlines()[-1:]}")
    require("False" in done.stdout, f"{command.__module__} imports PyTorch; import what is used in the function")


def _check_repeated(command: Callable[..., Any], arguments: Sequence[str | Path], printed: list[str]) -> None:
    again = _printed(command, arguments)
    require(again in printed, f"done again, it printed {again!r}")


def _check_refusals(command: Callable[..., Any], arguments: Sequence[str | Path]) -> None:
    for position, argument in enumerate(arguments):
        if not (isinstance(argument, Path) and argument.exists()):
            continue
        missing = argument.with_name(f"no_{argument.name}")
        try:
            code, _ = _invoked(command, [*arguments[:position], missing, *arguments[position + 1 :]])
        except UserError:
            continue
        except Exception as error:
            told = "raise a UserError, which is shown without a traceback"
            raise AssertionError(f"without {argument.name} it ends in {type(error).__name__}; {told}") from error
        require(code == UserError.exit_code, f"without {argument.name} it ends with exit code {code}")
