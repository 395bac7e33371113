"""Commands on streams that are closed, full, or of another encoding than UTF-8, as their own processes."""

from __future__ import annotations

import ast
import fcntl
import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from semreg.cli import output

ROOT = Path(__file__).parents[2]
VAE = str(ROOT / "recipes" / "vae_digits.toml")
SHORT = ["--set", "phases.main.epochs=1", "--set", "evaluate={}"]
PRINTING = [["list"], ["show", "l1"], ["plugins"], ["runs"], ["check", VAE]]


def start(*arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    environment = os.environ | streams.pop("env", {})
    command = [sys.executable, "-m", "semreg", *arguments]
    return subprocess.Popen(command, env=environment, **streams)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, said = process.communicate(timeout=120)
    return process.returncode, (said or b"").decode()


def closed_pipe() -> int:
    """The writing end of a pipe from which nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("command", PRINTING, ids=lambda command: command[0])
def test_a_command_that_only_prints_ends_quietly_on_a_closed_pipe(command: list[str], tmp_path: Path) -> None:
    pipe = closed_pipe()
    code, said = ended(start(*command, stdout=pipe, stderr=subprocess.PIPE, cwd=tmp_path))
    os.close(pipe)
    assert (code, said) == (141, "")


def test_a_command_that_only_prints_fails_where_it_could_not(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        code, said = ended(start("list", stdout=full, stderr=subprocess.PIPE))
        assert (code, said) == (1, "standard output can't be written: No space left on device\n")
        assert ended(start("list", stdout=full, stderr=full)) == (1, "")
        assert ended(start("lst", stdout=full, stderr=full)) == (2, "")  # no such command
    code, said = ended(start("list", preexec_fn=lambda: os.close(1), stderr=subprocess.PIPE))
    assert (code, said) == (1, "standard output can't be written: Bad file descriptor\n")


@pytest.mark.parametrize(
    "how", ["closed pipe", *(pytest.param(how, marks=pytest.mark.slow) for how in ("closed", "full"))]
)
def test_a_run_trains_on_without_anyone_who_hears_it(how: str, tmp_path: Path) -> None:
    arguments = ["run", VAE, *SHORT, "--out", str(tmp_path / "runs"), "--device", "cpu"]
    if how == "closed":
        process = start(*arguments, preexec_fn=lambda: os.closerange(0, 3), cwd=tmp_path)
    else:
        stream = os.open("/dev/full", os.O_WRONLY) if how == "full" else closed_pipe()
        process = start(*arguments, stdout=stream, stderr=stream, cwd=tmp_path)
        os.close(stream)
    assert ended(process)[0] == 0
    [folder] = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    assert (folder / "report.html").is_file()
    assert not (folder / "warnings.jsonl").exists()
    for path in folder.rglob("*"):  # whose descriptor may have been that of a closed stream
        assert not path.is_file() or b"img/s" not in path.read_bytes() or path.suffix == ".html"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_an_encoding_lacks_are_replaced(encoding: str, install: Callable[..., Path]) -> None:
    source = 'def loss(a):\n    """The angle θ of größe 数."""\n    return a'
    install("semreg-greek", {"semreg.losses": {"greek": "toy_greek:loss"}}, toy_greek=source)
    done = start("show", "greek", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    out, said = done.communicate(timeout=60)
    assert (done.returncode, said) == (0, b"")
    expected = "The angle ? of größe ?." if encoding == "cp1252" else "The angle ? of gr??e ?."
    assert expected in out.decode(encoding)
    as_json = start("show", "greek", "--json", stdout=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    out, _ = as_json.communicate(timeout=60)
    assert json.loads(out)[0]["documentation"] == "The angle θ of größe 数."


def test_a_terminal_without_unicode_shows_the_progress_of_a_run(tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    arguments = ["run", VAE, *SHORT, "--out", str(tmp_path / "runs"), "--device", "cpu"]
    environment = {"PYTHONIOENCODING": "ascii", "TERM": "xterm"}
    process = start(*arguments, stdout=terminal, stderr=terminal, stdin=terminal, cwd=tmp_path, env=environment)
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait(60) == 0
    assert b"main           1/1" in shown
    assert b"\x1b[?25h" in shown, "the cursor is back"
    assert b"report: " in shown
    assert b"Traceback" not in shown
    shown.decode("ascii")


def test_names_of_strangers_steer_no_terminal(install: Callable[..., Path], tmp_path: Path) -> None:
    red = "\x1b[31mred"
    source = f'def loss(a):\n    """{red}."""\n    return a\ndef order(): "{red}"'
    groups = {"semreg.losses": {red: "toy_red:loss"}, "semreg.commands": {"order": "toy_red:order"}}
    install("semreg-red", groups, toy_red=source)
    folder = tmp_path / "runs" / f"{red}-run"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    for command in (["list"], ["plugins"], ["show", red], ["--help"], ["runs"], ["list", "--json"]):
        process = start(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, command
        assert b"red" in out, command
        assert b"\x1b" not in out, command


def test_whoever_prints_prints_through_echo_or_say() -> None:
    printing = {"print", "typer.echo", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    paths = {*ROOT.glob("semreg/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")} - {ROOT / "semreg/cli/output.py"}
    assert len(paths) > 200
    for path in paths - {*ROOT.glob("semreg/zoo/*/example.py")}:
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        found = [call.lineno for call in calls if ast.unparse(call.func) in printing]
        assert not found, f"{path}: lines {found}"


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_a_run_as_its_end_would(tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    arguments = ["run", VAE, "--out", str(tmp_path / "runs"), "--device", "cpu", "--set", "phases.main.epochs=100000"]

    def control() -> None:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may not want to hear of it
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = start(*arguments, stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=control, cwd=tmp_path)
    os.close(terminal)
    shown = b""
    while b"img/s" not in shown:
        shown += os.read(leader, 65536)
    os.close(leader)
    try:
        assert process.wait(60) == 129
    finally:
        process.kill()
    [folder] = (tmp_path / "runs").iterdir()
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["message"].split(";")[0]) == ("stopped", "hung up")
    assert list((folder / "checkpoints").iterdir())


@pytest.mark.parametrize("closed", [True, False])
def test_a_stream_that_a_component_closed_stops_nothing_and_is_told_in_the_end(
    closed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream if closed else None)
    output.echo("a")
    output.echo_json({"b": 1})
    with pytest.raises(typer.Exit) as told:
        output.require_printed()
    assert told.value.exit_code == 1
    monkeypatch.undo()
    assert "standard output can't be written: a component closed it" in capsys.readouterr().err


def test_columns_stand_below_each_other() -> None:
    assert output.columns([("a", "b"), ("longer", "x"), ("", "y")]) == ["a       b", "longer  x", "        y"]
