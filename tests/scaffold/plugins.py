"""Plugins that were written, installed for a test without pip, and their own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path


def python(*arguments: str, cwd: Path, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python with what this process finds by PYTHONPATH, this checkout, and a folder of installed packages."""
    paths = [str(site) if site else "", os.environ.get("PYTHONPATH", ""), os.getcwd()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)


def put_in_place(plugin: Path, install: Callable[..., Path]) -> None:
    """Install a plugin for a test: its package, and the entry points that its pyproject.toml says."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    folder = install(project["name"], project["entry-points"], project["version"])
    shutil.copytree(plugin / "src", folder, dirs_exist_ok=True)


def require_passed(plugins: Sequence[Path], cwd: Path, site: Path | None = None) -> None:
    """Raises AssertionError if a test of plugins that are installed fails."""
    tests = [str(plugin / "tests") for plugin in plugins]
    options = ("-q", "--import-mode=importlib", "-p", "no:cacheprovider", f"--rootdir={cwd}")
    tested = python("-m", "pytest", *options, *tests, cwd=cwd, site=site)
    assert tested.returncode == 0, tested.stdout
