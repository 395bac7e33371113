"""Public names of packages: imported when they are asked for, and those of our plugins with little else."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import ALL, ROOT

PACKAGES = sorted(path.parent.name for name in ALL for path in ROOT.glob(f"plugins/{name}/src/*/__init__.py"))
MOST_MODULES = 40
"""Which neither PyTorch imports nor a plugin has, for the public names of all plugins together; they were 32."""
HEAVY = {
    "matplotlib", "pandas", "PIL", "pydantic", "rich", "scipy", "sklearn", "timm", "torchmetrics", "torchvision",
    "typer",
}  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_a_plugin_has_what_it_names_and_nothing_else(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        assert value.__name__ == name
        assert value.__doc__, name
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"{package} has no 'Tensor'"):  # which its modules have
        _ = module.Tensor
    with pytest.raises(ImportError):
        exec(f"from {package} import nothing")


def test_importing_public_names_imports_little_more_than_pytorch() -> None:
    assert len(PACKAGES) >= 6
    names = [package for package in PACKAGES if package != "semreg_avatars"]  # whose one name is a data set of pictures
    code = f"""
import sys, {", ".join(PACKAGES)}
print(*sys.modules)
import torch
before = set(sys.modules)
{"; ".join(f"from {name} import *" for name in names)}
print(*set(sys.modules) - before)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    without_a_name, with_all = (set(line.split()) for line in said.splitlines())
    assert not (HEAVY | {"torch", "numpy"}) & without_a_name
    assert not HEAVY & {name.partition(".")[0] for name in with_all}
    rooms = {name.split(".")[1] for name in with_all if name.startswith("semreg.")}
    assert rooms <= {"core", "components", "data"}
    assert len([name for name in with_all if not name.startswith("semreg_")]) <= MOST_MODULES


def test_modules_that_name_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "toy_lazy_names"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from semreg.core import lazy_names\n__getattr__, __dir__ = lazy_names(__name__, 'first', 'second')\n"
    )
    (package / "first.py").write_text("__all__ = ['a']\na, b = 1, 2\n")
    (package / "second.py").write_text("__all__ = ['c']\nc = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    toy = importlib.import_module("toy_lazy_names")
    assert toy.a == 1
    assert "toy_lazy_names.second" not in sys.modules
    assert toy.c == 3
    with pytest.raises(AttributeError, match="toy_lazy_names has no 'b'"):
        _ = toy.b
