"""`semreg runs`: columns, JSON, and watching."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from filelock import FileLock

from semreg.cli import run_list
from semreg.store.collection import Selection
from tests.conftest import write_fake_run

UNDER_WAY = {"state": "running", "phase": "siamese", "iteration": 30, "iterations": 1200}


def arguments(*given: str) -> list[str]:
    return [sys.executable, "-m", "semreg", "runs", *given]


def output(*given: str, cwd: Path) -> str:
    return subprocess.run(arguments(*given), capture_output=True, text=True, cwd=cwd, check=True).stdout


def test_runs_lists_what_is_there(fake_run: Path, tmp_path: Path) -> None:
    assert output(cwd=fake_run) == "no runs in runs\n"
    lines = output(cwd=tmp_path).splitlines()
    assert lines[0].split() == ["run", "state", "started", "data"]
    assert lines[1].split() == ["olr_celeba-3f9c1a", "finished", "2025-01-02", "03:04", "avatars", "(fallback)"]
    (listed,) = json.loads(output("--out", str(fake_run.parent), "--json", cwd=tmp_path))
    assert listed["folder"] == str(fake_run)
    assert (listed["state"], listed["seed"], listed["data"]) == ("finished", 7, "avatars")


def test_a_run_under_way_and_one_whose_process_was_killed(
    fake_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fake_run / "status.json").write_text(json.dumps(UNDER_WAY))
    run_list.print_runs(fake_run.parent, Selection())
    shown = capsys.readouterr().out
    assert "stopped  siamese 2/2" in shown
    assert "its process was killed" in shown
    with FileLock(fake_run / ".lock"):
        run_list.print_runs(fake_run.parent, Selection())
    titles, row = capsys.readouterr().out.splitlines()
    assert titles.split()[:7] == ["run", "state", "phase", "epoch", "iteration", "left", "img/s"]
    assert "running  siamese 2/2  13/12  30/1200   2%" in row
    assert "+1 losses, valid pair " in row


def test_damaged_folders_are_listed_and_nothing_controls_the_terminal(
    fake_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"name": "evil", "data": {"name": "\x1b[31mred\nline"}, "started": "\x1b]0;"}
    (fake_run / "run.json").write_text(json.dumps(record))
    (fake_run.parent / "lost" / "checkpoints").mkdir(parents=True)
    run_list.print_runs(fake_run.parent, Selection())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "�[31mred line" in lines[1]
    assert lines[2].split() == ["lost", "damaged", "there", "is", "no", "run.json"]
    assert "\x1b" not in "".join(lines)


def test_watching_and_json_exclude_each_other(tmp_path: Path) -> None:
    result = subprocess.run(arguments("--watch", "--json"), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 2
    assert "choose one" in result.stderr


def test_without_a_terminal_watching_waits_for_the_end(
    fake_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (fake_run / "status.json").write_text(json.dumps(UNDER_WAY))
    lock, naps = FileLock(fake_run / ".lock"), []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            (fake_run / "status.json").write_text(json.dumps({"state": "finished"}))
            lock.release()

    monkeypatch.setattr(run_list.time, "sleep", sleep)
    lock.acquire()
    run_list.watch(fake_run.parent, Selection())
    assert len(naps) == 3
    assert "finished" in capsys.readouterr().out
    assert "\x1b" not in capsys.readouterr().out


class Terminal:
    """A command on a terminal of 100 columns."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
        self.process = subprocess.Popen(
            command, stdout=its, stderr=its, cwd=cwd, env=environment | {"TERM": "xterm"}, start_new_session=True
        )
        os.close(its)
        self.shown = ""

    def until(self, text: str) -> None:
        """Read until `text` is shown."""
        end = time.monotonic() + 30
        while text not in self.shown and time.monotonic() < end:
            if not self._read():
                break
        assert text in self.shown, self.shown

    def end(self) -> int:
        """Read all there is; the exit code."""
        while self._read():
            pass
        os.close(self.mine)
        return self.process.wait(30)

    def _read(self) -> bool:
        try:
            data = os.read(self.mine, 65536)
        except OSError:
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@pytest.mark.parametrize("interrupted", [False, True], ids=["to-the-end", "interrupted"])
def test_watching_on_a_terminal(fake_run: Path, tmp_path: Path, interrupted: bool) -> None:
    (fake_run / "status.json").write_text(json.dumps(UNDER_WAY))
    write_fake_run(fake_run.parent / "another")
    with FileLock(fake_run / ".lock"):
        terminal = Terminal(arguments("--watch"), tmp_path)
        terminal.until("30/1200")
        if interrupted:
            terminal.process.send_signal(signal.SIGINT)
            terminal.process.wait(30)
        else:
            (fake_run / "status.json").write_text(json.dumps(UNDER_WAY | {"iteration": 60}))
            terminal.until("60/1200")
            (fake_run / "status.json").write_text(json.dumps({"state": "finished"}))
    assert terminal.end() == 0
    assert "━" in terminal.shown
    assert "another" not in terminal.shown
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")
    assert ("finished" in terminal.shown) is not interrupted


def test_on_a_terminal_lines_fit(fake_run: Path, tmp_path: Path) -> None:
    (fake_run / "status.json").write_text(json.dumps({"state": "failed", "message": "m" * 200}))
    terminal = Terminal(arguments("--watch"), tmp_path)
    assert terminal.end() == 0
    lines = terminal.shown.splitlines()
    assert lines[-1] == "no run is running"
    assert len(lines) == 3
    assert len(lines[1]) == 100
    assert lines[1].endswith("m…")
    assert "avatars" not in terminal.shown


def test_the_latest_picture_is_named(fake_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {"phase": "siamese", "epoch": 5, "picture": "siamese-5.png", "tensors": ["x"]}
    (fake_run / "watch.jsonl").write_text(json.dumps(line) + "\n")
    run_list.print_runs(fake_run.parent, Selection())
    titles, row = capsys.readouterr().out.splitlines()
    assert titles.split()[-1] == "picture"
    assert row.split()[-1] == "watch/siamese-5.png"
