"""What is not drawn, fitted or compiled imports nothing that does: each of these takes a second of a start."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import semreg

HEAVY = {"jinja2", "matplotlib", "pandas", "PIL", "scipy", "sklearn", "sympy", "timm", "torchmetrics", "torchvision"}
COMPILES = {"torch._dynamo", "torch._inductor"}
AVATARS, OPTIMISERS = {"PIL"}, {"sympy"}
"""What is imported for a data set of pictures, and by PyTorch's optimisers, with torch._dynamo."""
DIGITS = Path(__file__).parent.parent / "recipes" / "vae_digits.toml"


@pytest.mark.usefixtures("no_hooks")
def test_opening_a_run_and_its_first_step(tmp_path: Path) -> None:
    recipe = tomllib.loads(DIGITS.read_text())
    recipe["phases"]["main"]["epochs"] = 1
    run = semreg.run({key: table for key, table in recipe.items() if key != "evaluate"}, out=tmp_path)
    code = f"""
import os, sys
from importlib import import_module
import semreg
from semreg.core.hookspecs import hookimpl
from semreg.core.registry import components

run = semreg.open_run({str(run.folder)!r})
run.encode(run.sample(2))
print(*sys.modules)
run.data
for component in components():
    import_module(component.target.partition(":")[0])

class First:
    @hookimpl
    def iteration_done(self, run, progress):
        print(*sys.modules, flush=True)
        os._exit(0)

semreg.run({str(DIGITS)!r}, out={str(tmp_path)!r}, hooks=[First()])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    opened, first_step = (set(line.split()) for line in told.stdout.splitlines())
    assert "torch" in opened
    assert not (HEAVY | COMPILES | {"rich"}) & opened
    assert "semreg_olr.statistics" in first_step, "all components are imported"
    assert not HEAVY - AVATARS - OPTIMISERS & first_step
