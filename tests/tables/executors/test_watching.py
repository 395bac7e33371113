"""The view of all runs that are made at the same time."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from semreg.store import messages
from semreg.tables.executors.watching import watching


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_all_are_drawn_and_wiped_at_the_end(fake_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    (fake_run / "status.json").write_text(json.dumps({"state": "stopped", "message": "interrupted"}))
    terminal = Terminal()
    monkeypatch.setattr(messages.sys, "stderr", terminal)  # type: ignore[attr-defined]
    with watching() as draw:
        draw([fake_run, fake_run.parent / "begins"], "3 of 8 done")
        shown = terminal.getvalue()
    assert "olr_celeba-3f9c1a" in shown
    assert "begins" in shown
    assert "it is beginning" in shown or "running" in shown
    assert "3 of 8 done" in shown
    assert len(terminal.getvalue()) > len(shown)


def test_elsewhere_nothing_is_drawn(fake_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as draw:
        draw([fake_run], "3 of 8 done")
    assert capsys.readouterr() == ("", "")
