"""What is not drawn, fitted or compiled imports nothing that does: each of these takes a second of a start."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import semreg

HEAVY = {
    "jinja2", "matplotlib", "pandas", "scipy", "sklearn", "sympy", "timm", "torch._dynamo", "torch._inductor",
    "torchmetrics", "torchvision",
}  # fmt: skip
DIGITS = Path(__file__).parent.parent / "recipes" / "vae_digits.toml"


@pytest.mark.usefixtures("no_hooks")
def test_neither_opening_a_run_nor_loading_components_and_hooks_imports_what_is_heavy(tmp_path: Path) -> None:
    recipe = tomllib.loads(DIGITS.read_text())
    recipe["phases"]["main"]["epochs"] = 1
    run = semreg.run({key: table for key, table in recipe.items() if key != "evaluate"}, out=tmp_path)
    code = f"""
import sys
from importlib import import_module
import semreg
from semreg.core.plugin_manager import load_hooks
from semreg.core.registry import components

run = semreg.open_run({str(run.folder)!r})
run.encode(run.sample(2))
print(*sys.modules)
run.data
import semreg.running.start
load_hooks(sys.exit)
for component in components():
    import_module(component.target.partition(":")[0])
print(*sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    opened, loaded = (set(line.split()) for line in told.stdout.splitlines())
    assert "torch" in opened
    assert not (HEAVY | {"PIL", "rich"}) & opened
    assert {"semreg.running.progress", "semreg_olr.statistics"} <= loaded
    assert not HEAVY & loaded
