"""A cluster that is pretended: its commands on the PATH, its jobs processes of this machine."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "srun")


@dataclass
class Cluster:
    """The folder of a pretended cluster."""

    folder: Path

    def script(self, number: int = 1) -> str:
        """What was handed to sbatch."""
        return (self.folder / f"{number}.job").read_text().encode().decode("unicode_escape")

    def numbers(self) -> list[int]:
        """The jobs that there were."""
        return sorted(int(file.stem) for file in self.folder.glob("*.job"))

    def signal(self, number: int, name: int) -> None:
        """Send a signal to the processes of a job, as Slurm does."""
        os.killpg(int((self.folder / f"{number}.step").read_text()), name)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster with two cores, where this process and its children find it. Its jobs end with the test."""
    commands, folder = tmp_path / "bin", tmp_path / "cluster"
    commands.mkdir()
    folder.mkdir()
    for name in COMMANDS:
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{HERE / "pretended.py"}" {name} "$@"\n')
        command.chmod(command.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PRETENDED", str(folder))
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    yield Cluster(folder)
    for file in folder.glob("*.state"):
        (folder / f"{file.stem}.cancelled").touch()
    for file in folder.glob("*.step"):
        try:
            os.killpg(int(file.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue
