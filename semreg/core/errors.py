"""What a user did wrong, said so that it can be mended: where, what was found, what would fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["DataMissing", "Problem", "UserError", "closest", "printable"]

MOST_PROBLEMS = 30
"""Where a search for mistakes ends: nobody mends more at once."""
LONGEST_MESSAGE = 2_000
_UNDETERMINED = " does not have a deterministic implementation"
"""What PyTorch says of an operation under `torch.use_deterministic_algorithms`, after its name."""
_ASSERTED = "device-side assert triggered"
"""What CUDA says once `torch._assert_async` has found something, at a call that may come much later."""
_SPACES = "\n\xa0\u2009\u202f"
LONGEST_WORD, MOST_CANDIDATES = 100, 2_000
"""Beyond these no near word is looked for, which takes time quadratic in the one and linear in the other."""


@dataclass(frozen=True)
class Problem:
    """One mistake: `where` is a dotted key or a path, `message` says what was found and what would fit."""

    where: str
    message: str


class UserError(Exception):
    """A mistake of the user's, in a recipe, on the command line or in the data: shown without a traceback, exit code 2.

    `source` names the file it was found in, `problems` holds all that was found there.
    """

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[Problem] | str) -> None:
        self.source = source
        self.problems = (Problem("", problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__(self.text())

    def __reduce__(self) -> tuple[type[UserError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.source, self.problems)  # workers send it to their parent

    def text(self) -> str:
        """The message as the command line prints it."""
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
        """What a notebook prints, where Python prints a traceback."""
        return self.text().splitlines()


class ComponentError(UserError):
    """A component that would end the process: no mistake in what the user wrote. Exit code 1."""

    exit_code = 1


class ProcessLostError(UserError):
    """Another process of the run has ended."""


class DataMissing(UserError):  # noqa: N818  a finding rather than a failure
    """A data set is not under the data root. The message says what layout was looked for and what to download."""


class CannotWrite(UserError):  # noqa: N818
    """A folder can't be written: the disk is full, broken or read-only. Neither a hook's fault nor a recipe's."""


def cause_of(error: BaseException, *plain: type[Exception]) -> str:
    """What an exception says; its type too, unless it is of the `plain` ones, by default those raised to be read."""
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
    """Text that may hold anything, with escapes in the place of what would steer a terminal; lines and spaces stay."""
    return "".join(c if c.isprintable() or c in _SPACES else c.encode("unicode_escape").decode() for c in text)


def _shown(text: str) -> str:
    """Text that may hold anything, and be of any length, as a message has it."""
    return printable(text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…")


def closest(word: str, candidates: Iterable[str]) -> str:
    """A closing clause that names what `word` was perhaps meant to be, or what there is; empty if there is nothing."""
    known = sorted(set(filter(None, candidates)))
    small = len(word) <= LONGEST_WORD and len(known) <= MOST_CANDIDATES
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6) if small else []
    if near:
        return f"; did you mean {' or '.join(repr(name) for name in near)}?"
    if known:
        shown = ", ".join(name[:LONGEST_WORD] for name in known[:12]) + (", …" if len(known) > 12 else "")
        return f"; expected one of: {shown}"
    return ""
