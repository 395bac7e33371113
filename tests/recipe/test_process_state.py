"""What is put back after a component was imported or made."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.recipe.process_state import SETTINGS, process_state_kept

Toy = Callable[..., Path]
PlanOf = Callable[..., Any]

CHANGES: dict[str, Callable[[], object]] = {
    "folder": lambda: os.chdir("/"),
    "path": sys.path.clear,
    "depth": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 7),
    "device": lambda: torch.set_default_device("meta"),
    "type": lambda: torch.set_default_dtype(torch.float64),
    "gradients": lambda: torch.set_grad_enabled(False),
}


def values() -> list[Any]:
    return [read() for read, _ in SETTINGS]


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    before = values()
    yield
    for (_, write), value in zip(SETTINGS, before, strict=True):
        write(value)


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_put_back_whatever_happens(change: str) -> None:
    before = values()
    with process_state_kept():
        CHANGES[change]()
        changed = values()
    assert changed != before == values()
    with pytest.raises(KeyError), process_state_kept():
        raise KeyError(CHANGES[change]())
    assert values() == before


def test_what_is_printed_goes_into_no_other_file() -> None:
    source = """
import os, sys
from semreg.recipe.process_state import process_state_kept
with process_state_kept():
    os.close(1)
    os.close(2)
print(os.open(os.devnull, os.O_RDONLY) > 2, file=open(sys.argv[1], "w"))
"""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        subprocess.run([sys.executable, "-c", source, str(told)], check=True)
        assert told.read_text() == "True\n"


def test_what_was_set_before_stays() -> None:
    torch.set_default_dtype(torch.float64)
    with process_state_kept():
        pass
    assert torch.get_default_dtype() == torch.float64


def test_a_component_that_is_imported_or_made_changes_nothing(
    install: Callable[..., Path], toy: Toy, plan_of: PlanOf
) -> None:
    source = """
import torch
torch.set_grad_enabled(False)
class Odd(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.set_default_dtype(torch.float64)
    def forward(self, a):
        return a
"""
    install("semreg-odd", {"semreg.encoders": {"odd": "toy_undisturbed:Odd"}}, toy_undisturbed=source)
    before = values()
    plan = plan_of(toy('[modules.odd]\nuse = "odd"\n[tensors]\nsame = "odd(z)"'))
    assert values() == before
    from semreg.training.build import build_modules

    build_modules(plan, seed=0)
    assert values() == before
