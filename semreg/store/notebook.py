"""Progress messages in a notebook: one output of a cell, updated whenever there is more."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from html import escape
from typing import Any

STYLE = "margin: 0; white-space: pre-wrap"
SECONDS_BETWEEN_UPDATES = 0.1


class NotebookOutput:
    """Lines, and a progress bar below them during work, in one output: a saved notebook holds it once."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._bar: tuple[int, int, str] | None = None
        self._shown: Any = None

    def line(self, text: str) -> None:
        """Add a line, which replaces the bar if there is one."""
        self._lines.append(text)
        self._bar = None
        self._show()

    def bar(self, done: int, total: int, text: str) -> None:
        """Draw or advance a bar."""
        self._bar = done, total, text
        self._show()

    def counting(self, activity: str, total: int) -> Callable[[int], None]:
        """Return a function that takes the number of newly finished items out of `total`, and draws a bar."""
        done, drawn = 0, -math.inf

        def advance(more: int) -> None:
            nonlocal done, drawn
            done += more
            text = f"{activity} {done:,}/{total:,}"
            if done >= total:
                self.line(text)
            elif time.monotonic() - drawn > SECONDS_BETWEEN_UPDATES:
                self.bar(done, total, text)
                drawn = time.monotonic()

        return advance

    def end_bar(self) -> None:
        """Replace the bar by its text."""
        if self._bar is not None:
            self.line(self._bar[2])

    def _show(self) -> None:
        from IPython.display import display

        content = {"text/plain": self._text(), "text/html": self._html()}
        if self._shown is None:
            self._shown = display(content, raw=True, display_id=True)
        else:
            self._shown.update(content, raw=True)

    def _text(self) -> str:
        return "\n".join([*self._lines, *([self._bar[2]] if self._bar else [])])

    def _html(self) -> str:
        drawn = ""
        if self._bar is not None:
            done, total, text = self._bar
            drawn = f'<progress value="{done}" max="{total}"></progress> {escape(text)}'
        lines = "\n".join(map(escape, self._lines))
        return f'<pre style="{STYLE}">{lines}{chr(10) if lines and drawn else ""}{drawn}</pre>'
