"""What is said never stops what is done: on streams that are full, closed, missing, or lack characters."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress

from semreg.store.messages import MESSAGES, in_first_process, say


class Broken(io.StringIO):
    """A stream that fails in one way at whatever is done with it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error

    def isatty(self) -> bool:
        raise self.error


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("I/O operation on closed file.")]
)
def test_a_stream_that_fails_stops_nothing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(error))
    say("training")
    assert not MESSAGES.isatty()
    Console(file=MESSAGES).print("[b]drawn[/b]")


def test_there_may_be_no_stream_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    say("training")
    assert not MESSAGES.isatty()
    assert MESSAGES.encoding == "utf-8"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_an_encoding_lacks_are_replaced(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding, errors="strict"))
    say("loss θ of größe 数")
    shown = written.getvalue().decode(encoding)
    assert shown.startswith("loss ? of gr")
    assert shown.endswith("e ?\n")
    assert ("ö" in shown) == (encoding == "cp1252")


def test_it_is_said_where_stderr_is_at_the_time_and_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("run \x1b[2J of\nloss\x9b31m")
    assert capsys.readouterr().err == "run \\x1b[2J of\nloss\\x9b31m\n"


def test_a_line_that_is_said_while_a_bar_is_drawn_stands_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    console = Console(file=MESSAGES, force_terminal=True, width=60)
    with Progress(console=console, auto_refresh=False) as progress:  # which puts a proxy at standard error
        task = progress.add_task("training", total=2)
        say("a warning")
        progress.update(task, advance=2, refresh=True)
    assert sys.stderr is written
    assert written.getvalue().count("a warning") == 1
    assert "training" in written.getvalue().partition("a warning")[2]


@pytest.mark.parametrize(("rank", "first"), [(None, True), ("0", True), ("1", False), ("10", False)])
def test_the_only_process_or_the_first_speaks(rank: str | None, first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert in_first_process() is first
