"""Spoilt data, a few of those that `benchmarks.data_inputs` makes, and what counts as a failure there."""

from __future__ import annotations

import pickle
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data_inputs import LAYOUTS, Ground
from benchmarks.forked import Ended
from benchmarks.spoiling import Bomb, Spoiler

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_spoilt_data_end_with_0_or_2_and_a_message() -> None:
    command = [sys.executable, "-m", "benchmarks.data_inputs", "--count", "110", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^110 spoilt data sets .*; failures: 0$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_spoiling_follows_from_its_seed_and_spoils(layout: str, tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate(["a", "a", *map(str, range(12))]):
        root = tmp_path / str(number) / "root"
        root.mkdir(parents=True)
        LAYOUTS[layout][1](root)
        before = contents(root)
        Spoiler(root, random.Random(seed), tmp_path / "sentinel").spoil()
        found.append((contents(root), contents(root) != before))
    assert found[0] == found[1]
    assert sum(changed for _, changed in found) > 7, "some ways don't fit a data set, and do nothing"
    assert not (tmp_path / "sentinel").exists()


def contents(root: Path) -> dict[str, bytes | str]:
    """What lies below a folder, archives by their arrays, for they hold the time."""
    found: dict[str, bytes | str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink() or not path.is_file():
            found[name] = "link" if path.is_symlink() else "other"
        elif path.suffix == ".npz":
            found[name] = arrays(path)
        else:
            found[name] = path.read_bytes()
    return found


def arrays(path: Path) -> str:
    try:
        with np.load(path) as file:
            return repr([(name, file[name].dtype, file[name].shape, file[name].tobytes()) for name in file.files])
    except Exception as error:
        return type(error).__name__


def test_what_is_unpickled_is_noticed(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(str(tmp_path / "sentinel")))).close()
    assert (tmp_path / "sentinel").exists()


@pytest.mark.parametrize(
    ("name", "code", "said", "largest", "left", "failure"),
    [
        ("check", 0, "", 0, "", ""),
        ("check", 2, "root/faces/labels.csv: there are no rows", 0, "", ""),
        ("check", 2, "no", 0, "", "nothing is named"),
        ("check", 1, "root", 0, "", "exit code 1"),
        ("check", 2, "root Traceback", 0, "", "a traceback"),
        ("check", 2, "root" * 3000, 0, "", "letters of messages"),
        ("check", 0, "", 2**32, "", "4.0 GiB"),
        ("run", 0, "", 0, "report.html", ""),
        ("run", 0, "", 0, "", "there is no report"),
        ("run", 2, "root", 0, "report.html", "a run is left"),
        ("check", 0, "", 0, "sentinel", "something was unpickled"),
    ],
)
def test_what_counts_as_a_failure(
    name: str, code: int, said: str, largest: int, left: str, failure: str, tmp_path: Path
) -> None:
    ground = object.__new__(Ground)
    ground.sentinel, ground.largest = tmp_path / "code_was_run", 1
    if left == "sentinel":
        ground.sentinel.touch()
    elif left:
        (tmp_path / "runs" / "run").mkdir(parents=True)
        (tmp_path / "runs" / "run" / left).touch()
    found = "; ".join(ground.failures(name, Ended(code, "", said, 1.0, largest), tmp_path))
    assert failure in found
    assert bool(failure) == bool(found)
