"""The check that steps can be compiled here: torch.compile writes C++ for a CPU, and Triton's code for a GPU."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

import torch

from semreg.core import UserError

OF_CPP = {"darwin": "clang++", "win32": "cl"}
"""The compiler that torch.compile calls unless `CXX` names one; g++ on other systems."""
OTHERS_OF_CPP = ("g++", "clang++", "c++", "icpx")
OF_C = ("gcc", "clang", "cc")
"""The compilers that Triton calls unless `CC` names one."""


def require_compiler(device: torch.device) -> None:
    """Raise UserError if the compiler that `--compile` needs for a device is missing; nothing is compiled."""
    on_card = device.type == "cuda"
    if on_card and importlib.util.find_spec("triton") is None:
        raise _missing(
            "Triton, which comes with PyTorch's builds for CUDA on Linux", "install it (`pip install triton`)"
        )
    variable, language = ("CC", "C") if on_card else ("CXX", "C++")
    wanted = OF_C if on_card else (OF_CPP.get(sys.platform, "g++"),)
    named = shlex.split(os.environ.get(variable, ""))[:1]
    if not any(shutil.which(name) for name in named or wanted):
        looked = f"{variable}={named[0]}" if named else " or ".join(wanted)
        there = None if on_card else next((name for name in OTHERS_OF_CPP if shutil.which(name)), None)
        way = f"{variable}={there} names one that is here" if there else f"install one, or name it by {variable}"
        raise _missing(f"a compiler of {language} (looked for {looked})", way)
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise _missing(f"Python's header {header.name}", "install Python's development files (`python3-dev` on Debian)")


def _missing(what: str, way: str) -> UserError:
    return UserError("--compile", f"it needs {what}, and found none; {way}, or leave --compile out")
