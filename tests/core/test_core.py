"""The core's public names: there when they are asked for, and nothing else imported before."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import semreg.core


def test_every_public_name_of_its_modules_is_its_own() -> None:
    for module in map(import_module, (f"semreg.core.{name}" for name in semreg.core._MODULES)):
        for name in module.__all__:
            assert getattr(semreg.core, name) is getattr(module, name)


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match=r"semreg\.core has no 'nothing'"):
        _ = semreg.core.nothing
    with pytest.raises(ImportError):
        exec("from semreg.core import nothing")


def test_importing_it_imports_no_number() -> None:
    code = "import sys, semreg.core; semreg.core.UserError; print(*(m for m in ('torch', 'numpy') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
