"""Faulty plugins, a few of those that `benchmarks.faulty_plugins` draws, and what counts as a failure there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crooked import entry_point, recipe_of, source_of
from benchmarks.faults import DEEDS, MOMENTS, RAISES, RESULTS, TENSORS, Fault
from benchmarks.faulty_plugins import failures, faults
from benchmarks.forked import Ended

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_fault_costs_one_thing() -> None:
    command = [sys.executable, "-m", "benchmarks.faulty_plugins", "--count", "30", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^30 faulty plugins, .*; failures: 0$", done.stdout, re.MULTILINE)


def test_faults_follow_from_their_seed_and_are_of_every_kind() -> None:
    first, again, other = faults(80, 0), faults(80, 0), faults(80, 1)
    assert first == again != other
    assert len(set(first)) == 80
    assert {fault.kind for fault in first} == MOMENTS.keys()
    assert {"import", "make", "call"} <= {fault.moment for fault in first}


@pytest.mark.parametrize("kind", MOMENTS)
def test_every_plugin_is_python_and_named_by_its_recipe_or_its_event(kind: str) -> None:
    for deed in (*RAISES, *DEEDS):
        compile(source_of(Fault(kind, "call", 1, deed)), "plugin", "exec")
    for result in (*RESULTS, *TENSORS):
        compile(source_of(Fault(kind, "call", 1, result=result)), "plugin", "exec")
    fault = Fault(kind, "call", 1)
    hook = "[semreg.hooks]" in entry_point(fault)
    assert ("crooked" in recipe_of(fault)) != hook


RAISING = Fault("loss", "call", 1, "raise KeyError('k')")
PLAIN = Fault("evaluation", "call", 1, "warnings.warn('odd')")
TRAINED: dict[str, Any] = {"trained": True}
FINISHED: dict[str, Any] = {"state": "finished"}


@pytest.mark.parametrize(
    ("fault", "code", "said", "record", "status", "report", "failure"),
    [
        (RAISING, 2, "crooked (semreg-crooked 1.0) failed", None, None, False, ""),
        (RAISING, 2, "something failed", None, None, False, "without its name"),
        (RAISING, 0, "crooked", TRAINED, FINISHED, True, "exit code 0 though it raised"),
        (RAISING, None, "crooked", None, None, False, "exit code None"),
        (RAISING, 1, "crooked\nTraceback", None, None, False, "a traceback"),
        (RAISING, 1, "crooked", {}, {"state": "running"}, False, "its status is"),
        (PLAIN, 0, "", TRAINED, FINISHED, True, ""),
        (PLAIN, 0, "", None, None, False, "nothing is trained"),
        (PLAIN, 0, "", TRAINED, FINISHED, False, "there is no report"),
        (PLAIN, 0, "", TRAINED, {"state": "running"}, True, "its status is"),
        (PLAIN, 1, "crooked", TRAINED, FINISHED, True, "exit code 1, and its status"),
        (PLAIN, 1, "crooked", TRAINED, FINISHED | {"failed": ["own"]}, True, ""),
        (PLAIN, 0, "crooked " * 4000, TRAINED, FINISHED, True, "letters of messages"),
    ],
)
def test_what_counts_as_a_failure(
    fault: Fault, code: int | None, said: str, record: Any, status: Any, report: bool, failure: str, tmp_path: Path
) -> None:
    if record is not None:
        run = tmp_path / "runs" / "run"
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(record))
        (run / "status.json").write_text(json.dumps(status))
        if report:
            (run / "report.html").touch()
    found = "; ".join(failures(fault, Ended(code, "", said, 1.0, 0), tmp_path))
    assert failure in found
    assert bool(failure) == bool(found)
