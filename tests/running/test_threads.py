from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from semreg.core import UserError
from semreg.running.threads import VARIABLE, threads_set, too_many
from semreg.trained.run import Run
from tests.running.conftest import LATER, read


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


def test_nothing_is_set_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = torch.get_num_threads()
    with threads_set(None):
        assert torch.get_num_threads() == before
        assert VARIABLE not in os.environ
    assert too_many(None) == []


@pytest.mark.usefixtures("no_hooks")
def test_a_run_records_its_threads_and_goes_on_with_as_many_alone(
    toy: Callable[..., Path], trained: Callable[..., Run], stopped: Callable[..., None], tmp_path: Path
) -> None:
    more = torch.get_num_threads() + 1
    stopped(toy(LATER), threads=more)
    [folder] = (tmp_path / "runs").iterdir()
    assert read(folder, "run.json")["threads"] == more
    with pytest.raises(UserError, match=f"number of threads {more}, now it is {more - 1}; resume by --threads {more}"):
        trained(toy(LATER))
    assert trained(toy(LATER), threads=more).folder == folder, "the same run"
    assert torch.get_num_threads() == more - 1


def test_more_than_the_cores_is_remarked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert too_many(2) == []
    assert too_many(3) == ["--threads 3 is more than the 2 cores here, so threads wait for each other"]
