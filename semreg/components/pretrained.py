"""Whether weights that others trained are fetched: not where a network is only tried out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_wanted = ContextVar("wanted", default=True)


def weights_are_wanted() -> bool:
    """Whether a network that is made now should fetch its pretrained weights; `semreg check` wants none."""
    return _wanted.get()


@contextlib.contextmanager
def without_weights() -> Iterator[None]:
    """Networks that are made inside fetch nothing."""
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)
