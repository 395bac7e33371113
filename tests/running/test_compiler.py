"""What compiling needs is looked for before training, and what is missing is told in a line."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semreg.core import UserError
from semreg.running.compiler import require_compiler
from semreg.trained.run import Run

CPU, CARD = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, empty, and the only one; Linux, with Triton and Python's header."""
    (tmp_path / "programs").mkdir()
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    return tmp_path


def install(machine: Path, name: str) -> None:
    (machine / "programs" / name).touch(mode=0o755)


def refusal(device: torch.device) -> str:
    with pytest.raises(UserError) as refused:
        require_compiler(device)
    assert (refused.value.source, refused.value.exit_code) == ("--compile", 2)
    assert "\n" not in refused.value.text()
    return refused.value.text()


def test_the_compiler_that_would_be_called_is_looked_for(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it needs a compiler of C++ (looked for g++), and found none; install one, or name it by CXX" in refusal(CPU)
    install(machine, "clang++")
    assert "CXX=clang++ names one that is here, or leave --compile out" in refusal(CPU)
    monkeypatch.setenv("CXX", "clang++ -O2")
    require_compiler(CPU)
    monkeypatch.setenv("CXX", "gone")
    assert "looked for CXX=gone" in refusal(CPU)
    monkeypatch.delenv("CXX")
    install(machine, "g++")
    require_compiler(CPU)


def test_a_card_needs_triton_and_a_compiler_of_c(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(machine, "g++")
    assert "a compiler of C (looked for gcc or clang or cc)" in refusal(CARD)
    install(machine, "clang")
    require_compiler(CARD)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "it needs Triton" in refusal(CARD)
    require_compiler(CPU)


def test_pythons_header_is_needed(machine: Path) -> None:
    install(machine, "g++")
    (machine / "Python.h").unlink()
    assert "it needs Python's header Python.h" in refusal(CPU)


def test_a_run_that_can_not_be_compiled_is_refused_before_it_leaves_a_folder(
    toy: Callable[..., Path], trained: Callable[..., Run], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="--compile: it needs a compiler of C"):
        trained(toy(), compile=True)
    assert not (tmp_path / "runs").exists()
