"""The pictures of an evaluation over the rows of a grid, as `--figures-of` asks for them: files as a paper has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from semreg.core import UserError, closest


def require_known(names: Sequence[str], evaluations: Iterable[str]) -> None:
    """Raise UserError for a name that is none of the evaluations'."""
    known = set(evaluations)
    for name in names:
        if name not in known:
            raise UserError("--figures-of", f"no recipe has the evaluation {name!r}{closest(name, known)}")
