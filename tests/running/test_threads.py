from __future__ import annotations

import os
from contextlib import suppress

import pytest
import torch

from semreg.running.threads import VARIABLE, threads_set, too_many


@pytest.mark.parametrize("told", ["5", None])
def test_threads_are_set_for_processes_too_and_put_back(told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv(VARIABLE, raising=False)
    if told:
        monkeypatch.setenv(VARIABLE, told)
    with suppress(KeyError), threads_set(before + 1):
        assert torch.get_num_threads() == before + 1
        assert os.environ[VARIABLE] == str(before + 1)
        raise KeyError
    assert torch.get_num_threads() == before
    assert os.environ.get(VARIABLE) == told


def test_nothing_is_set_unless_asked_for() -> None:
    with threads_set(None):
        torch.set_num_threads(torch.get_num_threads())
    assert too_many(None) == []


def test_more_than_the_cores_is_remarked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert too_many(2) == []
    assert too_many(3) == ["--threads 3 is more than the 2 cores here, so threads wait for each other"]
