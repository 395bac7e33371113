"""What a user did wrong, said so that it can be mended: where, what was found, what would fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: `where` is a dotted key or a path, `message` says what was found and what would fit."""

    where: str
    message: str


class UserError(Exception):
    """A mistake of the user's, in a recipe, on the command line or in the data: shown without a traceback, exit code 2.

    `source` names the file it was found in, `problems` holds all that was found there.
    """

    def __init__(self, source: str, problems: Sequence[Problem] | str) -> None:
        self.source = source
        self.problems = (Problem("", problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__(self.text())

    def __reduce__(self) -> tuple[type[UserError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.source, self.problems)  # workers send it to their parent

    def text(self) -> str:
        """The message as the command line prints it."""
        if len(self.problems) == 1 and not self.problems[0].where:
            return f"{self.source}: {self.problems[0].message}" if self.source else self.problems[0].message
        count = len(self.problems)
        width = min(max(len(problem.where) for problem in self.problems), 40)
        lines = [f"{self.source}: {count} error{'s' if count > 1 else ''}"]
        lines += [f"  {problem.where:<{width}}  {problem.message}" for problem in self.problems]
        return "\n".join(lines)


class DataMissing(UserError):  # noqa: N818  a finding rather than a failure
    """A data set is not under the data root. The message says what layout was looked for and what to download."""


class CannotWrite(UserError):  # noqa: N818
    """A folder can't be written: the disk is full, broken or read-only. Neither a hook's fault nor a recipe's."""


def closest(word: str, candidates: Iterable[str]) -> str:
    """A closing clause that names what `word` was perhaps meant to be, or what there is; empty if there is nothing."""
    known = sorted(set(candidates))
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(repr(name) for name in near)}?"
    if known:
        shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        return f"; there is: {shown}"
    return ""
