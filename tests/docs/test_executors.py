"""docs/executors.md: the executor of the page makes runs, and passes the test of the page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import UserError
from semreg.running.choices import Choices
from semreg.tables.executors.choosing import executor_of
from tests.docs.pages import blocks

CPU = Choices(device="cpu")


@pytest.fixture
def nice() -> Any:
    code = next(text for _, text in blocks("executors.md"))
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "docs/executors.md", "exec"), names)
    return names["Nice"]


def test_it_says_what_means_nothing_to_it(nice: Any, register: Callable[[str, str, Any], None]) -> None:
    register("executor", "nice", nice)
    assert getattr(executor_of("nice:3", None, CPU), "slots", None) == 3
    with pytest.raises(UserError, match="'nice:x': 'x' is no number of runs; nice:2 makes two at once"):
        executor_of("nice:x", None, CPU)
    with pytest.raises(ValueError, match="it computes on the CPU alone"):
        nice(gpu=None)


@pytest.mark.slow
def test_it_passes_the_test_of_the_page(tmp_path: Path) -> None:
    executor, test = [text for _, text in blocks("executors.md")]
    (tmp_path / "semreg_nice").mkdir()
    (tmp_path / "semreg_nice" / "executor.py").write_text(executor)
    (tmp_path / "test_nice.py").write_text(test)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
