"""A set of images ten times as large as the memory is evaluated, and one larger than the machine's is opened."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.data import building
from semreg.data.cache import cached
from tests.large_data import Noise

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the private memory of a process")
def test_a_set_ten_times_the_memory_is_evaluated(tmp_path: Path) -> None:
    alone = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # each thread would have memory of its own
    environment = os.environ | alone | {"SEMREG_CACHE": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "tests/large_data.py", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for evaluation in ("reconstructions", "linear_probe", "knn", "leakage", "divergence", "fid"):
        assert f"{evaluation} {{" in done.stdout


@pytest.mark.filterwarnings("error")
def test_a_cache_that_linux_maps_only_to_be_read_is_opened_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cached(Noise(count=12), folder=tmp_path).arrays["image"].clone()
    load, modes = np.load, []

    def refusing(*arguments: Any, mmap_mode: str | None = None, **options: Any) -> Any:
        modes.append(mmap_mode)
        if mmap_mode == "c":
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return load(*arguments, mmap_mode=mmap_mode, **options)

    monkeypatch.setattr(building.np, "load", refusing)
    opened = cached(Noise(count=12), folder=tmp_path)
    assert modes.count("c") == modes.count("r") == 1, "it is not built again"
    assert opened.arrays["image"].equal(whole)
