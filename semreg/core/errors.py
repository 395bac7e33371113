"""Errors that a user can fix: each states where it is, what was found and what would fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["DataMissing", "Problem", "UserError", "closest", "printable"]

MOST_PROBLEMS = 30
"""A search for errors stops after this many: nobody fixes more at once."""
LONGEST_MESSAGE = 2_000
_UNDETERMINED = " does not have a deterministic implementation"
"""PyTorch's words, after an operation's name, if `torch.use_deterministic_algorithms` doesn't allow it."""
_ASSERTED = "device-side assert triggered"
"""CUDA's words after `torch._assert_async` has failed, in a call that may come much later."""
_SPACES = "\n\xa0\u2009\u202f"
LONGEST_WORD, MOST_CANDIDATES = 100, 2_000
"""Limits of the search for similar words, whose time is quadratic in the length and linear in the count."""


@dataclass(frozen=True)
class Problem:
    """One error: `where` is a dotted key or a path, `message` states what was found and what would fit."""

    where: str
    message: str


class UserError(Exception):
    """An error in a recipe, a command line or the data: shown without a traceback, exit code 2.

    `source` names the file with the error, `problems` holds all that were found there.
    """

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[Problem] | str) -> None:
        self.source = source
        self.problems = (Problem("", problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__(self.text())

    def __reduce__(self) -> tuple[type[UserError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.source, self.problems)  # workers send it to their parent

    def text(self) -> str:
        """Return the message as the command line prints it."""
        if len(self.problems) == 1 and not self.problems[0].where:
            message = _shown(self.problems[0].message)
            return f"{_shown(self.source)}: {message}" if self.source else message
        count = len(self.problems)
        width = min(max(len(problem.where) for problem in self.problems), 40)
        least = "at least " if count >= MOST_PROBLEMS else ""
        lines = [f"{_shown(self.source)}: {least}{count} error{'s' if count > 1 else ''}"]
        lines += [f"  {_shown(p.where):<{width}}  {_shown(p.message)}" for p in self.problems]
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows instead of Python's traceback."""
        return self.text().splitlines()


class ComponentError(UserError):
    """A failure of a component that would end the process; the user's input is not its cause. Exit code 1."""

    exit_code = 1


class ProcessLostError(UserError):
    """The end of another process of the run."""


class DataMissing(UserError):  # noqa: N818  a finding rather than a failure
    """A data set that is missing under the data root. The message states the layout looked for and what to download."""


class CannotWrite(UserError):  # noqa: N818
    """A folder that can't be written: the disk is full, broken or read-only. Neither hooks nor recipes cause this."""


def cause_of(error: BaseException, *plain: type[Exception]) -> str:
    """Return an exception's message, after its type unless it is one of `plain`: by default types made to be read."""
    try:
        said = " ".join(str(error)[:LONGEST_MESSAGE].split())
    except BaseException:  # its text is anyone's, too
        said = ""
    operation, undetermined, _ = said.partition(_UNDETERMINED)
    if undetermined:
        return f"{operation} gives other bits each time on this device; leave out --deterministic, or the component"
    if _ASSERTED in said:
        return "the GPU found a label that is not a class, or a target outside [0, 1]; `--device cpu` shows which"
    bare = said and isinstance(error, plain or (ValueError, RuntimeError))
    return said if bare else f"{type(error).__name__}: {said}"


def printable(text: str) -> str:
    """Escape the characters of a text that would control a terminal; lines and spaces stay."""
    return "".join(c if c.isprintable() or c in _SPACES else c.encode("unicode_escape").decode() for c in text)


def _shown(text: str) -> str:
    """Shorten and escape any text for use in a message."""
    return printable(text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…")


def closest(word: str, candidates: Iterable[str]) -> str:
    """Return a closing clause with the candidates most like `word`, or with all of them; empty if there are none."""
    known = sorted(set(filter(None, candidates)))
    small = len(word) <= LONGEST_WORD and len(known) <= MOST_CANDIDATES
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6) if small else []
    if near:
        return f"; did you mean {' or '.join(repr(name) for name in near)}?"
    if known:
        shown = ", ".join(name[:LONGEST_WORD] for name in known[:12]) + (", …" if len(known) > 12 else "")
        return f"; expected one of: {shown}"
    return ""
