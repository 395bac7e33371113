"""The process of a trial, which Ray need not be there for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from semreg.testing.executors import RECIPE

pytest.importorskip("ray", reason="optional: `make test-optional` installs it")


@pytest.mark.slow
def test_it_stops_at_a_checkpoint_when_its_worker_is_gone(tmp_path: Path) -> None:
    recipe, runs = tmp_path / "long.toml", tmp_path / "runs"
    recipe.write_text(RECIPE.format(epochs=100_000))
    arguments = ["run", str(recipe), "--threads", "1", "--device", "cpu", "--out", str(runs)]
    process = subprocess.Popen(
        [sys.executable, "-m", "semreg_ray.process", "0", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    while not any(log.stat().st_size for log in runs.glob("*/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    process.stdin.close()
    assert process.wait(60) == 143
    assert list(runs.glob("*/checkpoints/0*"))
