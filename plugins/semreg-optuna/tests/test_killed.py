"""A search that is killed goes on, and suggests what it would have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="optional: `make test-optional` installs it")

TRIALS = 6


def begun(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [
                sys.executable, "-m", "semreg", "sweep", "vae_digits", "--vary", "optimizer.lr=1e-4..1e-1:log",
                "--vary", "data.batch_size=16..64", "--set", "data.split.validation=0.2", "--set",
                "phases.main.epochs=1", "--set", 'without=["evaluate.samples"]', "--metric",
                "reconstructions.mean_squared_error", "--search", "optuna:sampler=tpe", "--trials", str(TRIALS),
                "--out", "runs", "--device", "cpu", "--threads", "1",
            ],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=said, env={**os.environ, "SEMREG_CACHE": str(folder)},
        )  # fmt: skip


def rows(folder: Path) -> list[Any]:
    [file] = folder.glob("runs/tables/*/table.json")
    return [(row["name"], [run["figures"] for run in row["runs"]]) for row in json.loads(file.read_text())["rows"]]


def test_a_killed_search_ends_as_a_quiet_one(tmp_path: Path) -> None:
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    assert begun(quiet).wait() == 0, (quiet / "said").read_text()
    for run in (2, 4):
        process = begun(killed)
        while process.poll() is None and len(list(killed.glob("runs/*/run.json"))) < run:
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert len(list(killed.glob("runs/*/run.json"))) < TRIALS, "it was killed before its end"
    assert begun(killed).wait() == 0, (killed / "said").read_text()
    assert len(rows(quiet)) == TRIALS
    assert rows(killed) == rows(quiet)
