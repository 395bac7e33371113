"""Progress is a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from semreg.core import Result
from semreg.core.hookspecs import Progress
from semreg.running import progress
from semreg.running.progress import ProgressBar


class Run:
    folder, name = Path(), "toy"

    def warn(self, message: str) -> None:
        raise AssertionError(message)


def shown(*, terminal: bool, clock: pytest.MonkeyPatch) -> str:
    seconds = iter(range(10_000))
    clock.setattr(progress.time, "monotonic", lambda: next(seconds) * 1.0)
    output = StringIO()
    bar = ProgressBar(Console(file=output, force_terminal=terminal, width=110, highlight=False))
    bar.phase_started(Run(), "siamese")
    for iteration in range(1, 101):
        losses = {"pair": 0.0139, "[red]odd": 1.0} if iteration % 10 == 0 else None
        bar.iteration_done(Run(), Progress("siamese", 1 + iteration // 51, 2, iteration, 100, losses, 211.4))
    bar.evaluation_started(Run(), "linear")
    bar.evaluation_done(Run(), "linear", Result(summary="4.1 linear [b]0.941[/b]"))
    bar.run_finished(Run())
    return output.getvalue()


def test_plain_lines_are_few_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(terminal=False, clock=monkeypatch).splitlines()
    assert lines[0] == "siamese        1/2  211 img/s"
    assert lines[1] == "siamese        1/2  1m09s left  211 img/s  pair 0.0139  [red]odd 1"
    assert lines[-3] == "siamese        2/2  211 img/s  pair 0.0139  [red]odd 1"
    assert lines[-2:] == ["evaluating linear", "4.1 linear [b]0.941[/b]"]
    assert len(lines) == 7
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_bar_and_its_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    output = shown(terminal=True, clock=monkeypatch)
    assert "━" in output
    assert "1m09s left" in output or "s left" in output
    assert "[red]odd 1" in output
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


def test_names_of_anyone_steer_no_terminal_and_a_stream_that_fails_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> None:
        bar = ProgressBar()
        bar.phase_started(Run(), "main")
        bar.iteration_done(Run(), Progress("ma\x1b[2Jin", 1, 1, 1, 1, {"re\x1b[31md": 1.0}, 10.0))
        bar.evaluation_started(Run(), "pro\x1b[31mbe")
        bar.evaluation_done(Run(), "probe", Result(summary="of \x1b[31m"))

    show()
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "re\\x1b[31md 1" in said
    for stream in (None, open("/dev/full", "w", buffering=1)):  # noqa: SIM115
        monkeypatch.setattr(sys, "stderr", stream)
        show()


def test_speed_and_losses_stay_until_they_are_measured_again() -> None:
    output = StringIO()
    bar = ProgressBar(Console(file=output, force_terminal=False, width=110))
    bar.iteration_done(Run(), Progress("main", 1, 1, 1, 3))
    bar.iteration_done(Run(), Progress("main", 1, 1, 2, 3, {"l2": 0.5}, 90.0))
    bar.iteration_done(Run(), Progress("main", 1, 1, 3, 3))
    assert output.getvalue().splitlines() == ["main           1/1", "main           1/1  90 img/s  l2 0.5"]


def test_many_losses_are_cut_and_leave_the_bar_its_room() -> None:
    output = StringIO()
    bar = ProgressBar(Console(file=output, force_terminal=True, width=80, color_system=None))
    losses = {f"a_long_name_{k}": 0.5 for k in range(5)}
    bar.iteration_done(Run(), Progress("main", 1, 2, 1, 10, losses, 90.0))
    bar.run_stopped(Run())
    (line,) = set(re.findall(r"main [^\r\n\x1b]*", output.getvalue()))
    assert len(line.rstrip()) <= 80
    assert line.index("90 img/s") == len(f"{'main':<14} 1/2 {'':20} ")
    assert line.rstrip().endswith("…")


def test_a_stopped_run_gives_the_cursor_back() -> None:
    output = StringIO()
    bar = ProgressBar(Console(file=output, force_terminal=True))
    bar.iteration_done(Run(), Progress("main", 1, 1, 1, 10))
    assert "\x1b[?25h" not in output.getvalue()
    bar.run_stopped(Run())
    assert "\x1b[?25h" in output.getvalue()


def test_what_was_taken_of_the_data_is_told_at_the_start(tmp_path: Path) -> None:
    taken = {"split": "the folders train, \x1b[31mtest", "classes": {"pose": {"train": [3, 2], "test": [1, 1]}},
             "pixels": {"least": 0, "largest": 255}, "others": {".heic": 70}}  # fmt: skip
    fields = {
        "image": {"kind": "image", "channels": 3, "height": 8, "width": 8},
        "pose": {"kind": "class", "names": ["[b]left", "right"], "order": "line"},
    }
    record = {"data": {"fields": fields, "counts": {"train": 5, "validation": 0, "test": 2}, "taken": taken}}
    (tmp_path / "run.json").write_text(json.dumps(record))

    def told() -> list[str]:
        output = StringIO()
        run = Run()
        run.folder = tmp_path
        ProgressBar(Console(file=output, force_terminal=False, width=110)).run_started(run)
        return output.getvalue().splitlines()

    assert told() == [
        "7 images used: 5 train, 2 test (the folders train, \\x1b[31mtest)",
        "pixels: RGB, 8 × 8, 8 bits from 0 to 255",
        "pose: 2 classes in a line: [b]left – right; train 3, 2; test 1, 1",
        "not used: 70 .heic",
    ]
    (tmp_path / "run.json").write_text(json.dumps(record | {"trained": True}))
    assert told() == [], "its evaluations alone are done"
    (tmp_path / "run.json").write_text('{"data": {"fields": {}}}')
    assert told() == [], "an older run has no such record"
