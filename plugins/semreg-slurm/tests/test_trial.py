"""What a job does, in a process of its own: which signal ends it, and which has it queued again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="optional: `make test-optional` installs it")
from semreg_slurm.trial import RunOfSemreg

JOB = """
import os, signal, sys
from pathlib import Path
from semreg_slurm.trial import RunOfSemreg

def again(number, frame):
    signal.raise_signal(signal.SIGTERM)  # as Slurm does to what it queues again
    print("queued again", number == signal.SIGUSR2)

signal.signal(signal.SIGUSR2, again)
RunOfSemreg(["run", "it"], {"GIVEN": "here"}, Path("stop"))()
"""
RUN = """
import os, signal, sys
print(sys.argv[1:], os.environ["GIVEN"], flush=True)
"""


def job(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """A job, with a made-up semreg in place of ours, which does what these lines say."""
    made = folder / "semreg"
    made.mkdir()
    (made / "__init__.py").touch()
    (made / "__main__.py").write_text("\n".join([RUN, *lines]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(folder), *sys.path]))}
    command = [sys.executable, "-c", JOB]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


HANDLED = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"


def test_its_arguments_and_its_environment_reach_it(tmp_path: Path) -> None:
    done = job(tmp_path, "sys.exit(1)")
    assert (done.returncode, done.stdout) == (1, "['run', 'it'] here\n"), done.stderr


@pytest.mark.parametrize("handled", [HANDLED, ""])
def test_sigterm_ends_it(tmp_path: Path, handled: str) -> None:
    done = job(tmp_path, handled, "signal.raise_signal(signal.SIGTERM)")
    assert (done.returncode, done.stdout) == (143, "['run', 'it'] here\n"), done.stderr


@pytest.mark.parametrize("handled", [HANDLED, ""])
def test_the_signal_of_submitit_has_it_queued_again(tmp_path: Path, handled: str) -> None:
    done = job(tmp_path, handled, "signal.raise_signal(signal.SIGUSR2)")
    assert (done.returncode, done.stdout) == (0, "['run', 'it'] here\nqueued again True\n"), done.stderr


@pytest.mark.parametrize("code", [0, 1])
def test_what_ends_by_itself_meanwhile_is_not_queued_again(tmp_path: Path, code: int) -> None:
    asked = ["signal.signal(signal.SIGTERM, lambda *_: None)", "signal.raise_signal(signal.SIGUSR2)"]
    done = job(tmp_path, *asked, f"sys.exit({code})")
    assert (done.returncode, done.stdout) == (code, "['run', 'it'] here\n"), done.stderr


def test_the_signal_counts_once(tmp_path: Path) -> None:
    counted = ["signal.signal(signal.SIGTERM, lambda *_: print('asked'))"]
    done = job(tmp_path, *counted, *["signal.raise_signal(signal.SIGUSR2)"] * 2, "sys.exit(143)")
    assert done.stdout == "['run', 'it'] here\nasked\nqueued again True\n", done.stderr


def test_one_that_was_cancelled_before_it_could_hear_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    done = job(tmp_path)
    assert (done.returncode, done.stdout) == (143, ""), done.stderr


def test_what_is_queued_again_is_the_same() -> None:
    run = RunOfSemreg(["run", "it"], {"GIVEN": "here"}, Path("stop"))
    assert run.checkpoint().function is run
