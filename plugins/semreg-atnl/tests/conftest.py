"""Trained runs on toy data, of the core's tests."""

from tests.conftest import no_hooks, refused_or_done, register, sentinel, shared_cache, toy
from tests.trained.conftest import train

__all__ = ["no_hooks", "refused_or_done", "register", "sentinel", "shared_cache", "toy", "train"]
