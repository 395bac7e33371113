"""Whether pretrained weights are downloaded: not if a network is only tried out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_wanted = ContextVar("wanted", default=True)


def weights_are_wanted() -> bool:
    """Return whether a new network should download its pretrained weights; `semreg check` doesn't."""
    return _wanted.get()


@contextlib.contextmanager
def without_weights() -> Iterator[None]:
    """Make networks inside the block without downloads."""
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)
