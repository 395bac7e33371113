"""Runs killed at any write, and at any write while they resume, end with the bits of a run that was never killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import semreg
from semreg.store.record import read_record
from tests.running.faults import Laboratory, laboratory, outcome
from tests.writes import Copies, Writes, needs_proc

ROOT = Path(__file__).parents[2]
PARTS = 8
IN_PARTS = [pytest.param(part, marks=[pytest.mark.slow] * (part > 0)) for part in range(PARTS)]
"""All but one are slow tests: they are parts of the same writes."""


class Recorded:
    """A run that was never killed, and what kills at its writes would have left, by the kind of write."""

    def __init__(self, lab: Laboratory, folder: Path) -> None:
        self.lab = lab
        self.folder = folder / "reference"
        self.folder.mkdir()
        self.copies, self.unseen = record(self.folder, folder / "kills", lab, lambda: lab.run(self.folder))
        self.outcome = outcome(self.folder)

    def end(self, folder: Path) -> None:
        """Go on with a run that was killed, to the same bits."""
        self.lab.run(folder)
        assert outcome(folder) == self.outcome


def record(
    folder: Path, copies: Path, lab: Laboratory, do: Callable[[], None]
) -> tuple[dict[str, list[Path]], list[str]]:
    with lab.monkeypatch.context() as patch:
        taken = Copies(folder, copies)
        writes = Writes(folder, taken, patch)
        do()
    return taken.taken, writes.unseen()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("kills")
    with laboratory(folder) as lab:
        yield Recorded(lab, folder)


@needs_proc
def test_every_write_of_a_run_is_seen(recorded: Recorded) -> None:
    """A file written by other ways than these tests watch would not be killed at."""
    assert recorded.unseen == []
    assert len(recorded.copies) > 90
    for wanted in (
        "write checkpoints/.#.#.part/tensors.safetensors half",
        "write runs/recipe-#/metrics.jsonl half",
        "write runs/judge-#/metrics.jsonl half",
        "write evaluations/.pictured-#.#.part/#.png half",
        "write runs/recipe-#/.report.html.#.part half",
        "write cache/.toydata-#.partial/image.npy half",
        "unlink checkpoints/.#.old.#.part/tensors.safetensors before",
    ):
        assert wanted in recorded.copies


@needs_proc
@pytest.mark.parametrize("part", IN_PARTS)
def test_a_run_killed_at_any_write_ends_with_the_same_bits(recorded: Recorded, part: int, tmp_path: Path) -> None:
    kills = [(kind, copy) for kind, copies in recorded.copies.items() for copy in copies]
    for number, (kind, copy) in enumerate(kills[part::PARTS]):
        folder = tmp_path / f"{number:03d}"
        shutil.copytree(copy, folder)
        try:
            recorded.end(folder)
        except BaseException as error:
            error.add_note(f"killed at: {kind}")
            raise


# The first kill leaves lines of a log that must be cut, half a checkpoint, half a removed one, a judge half trained.
FIRST = [
    pytest.param("write checkpoints/.#.#.part/tensors.safetensors half", id="checkpoint"),
    pytest.param("write runs/recipe-#/metrics.jsonl half", id="log", marks=pytest.mark.slow),
    pytest.param("rmdir recipe-#/checkpoints/.#.old.#.part before", id="removed checkpoint", marks=pytest.mark.slow),
    pytest.param("write runs/judge-#/metrics.jsonl half", id="judge", marks=pytest.mark.slow),
]


@needs_proc
@pytest.mark.parametrize("first", FIRST)
def test_a_run_killed_again_while_it_resumes_ends_with_the_same_bits(
    recorded: Recorded, first: str, tmp_path: Path
) -> None:
    folder = tmp_path / "first"
    shutil.copytree(recorded.copies[first][-1], folder)
    again, _ = record(folder, tmp_path / "again", recorded.lab, lambda: recorded.lab.run(folder))
    assert outcome(folder) == recorded.outcome
    kills = sorted((copies[0], kind) for kind, copies in again.items())
    for copy, kind in kills[:14]:  # tidying up, the record, cutting the logs; then it does what it did before
        try:
            recorded.end(copy)
        except BaseException as error:
            error.add_note(f"killed again at: {kind}")
            raise


@needs_proc
def test_a_run_killed_while_it_is_evaluated_again_ends_with_the_same_bits(recorded: Recorded, tmp_path: Path) -> None:
    folder, lab = tmp_path / "first", recorded.lab
    shutil.copytree(recorded.folder, folder)
    [run] = folder.glob("runs/recipe-*")
    kills, _ = record(folder, tmp_path / "again", lab, lambda: lab.evaluate(folder, run))
    assert outcome(folder) == recorded.outcome
    assert "rename recipe-#/evaluations/.pictured-#.#.part before" in kills  # when the result there was is gone already
    for kind, [copy, *_] in kills.items():
        killed = copy / run.relative_to(folder)
        try:
            if read_record(killed).state == "running":
                lab.run(copy)  # goes on as well
            else:
                lab.evaluate(copy, killed)
            assert outcome(copy) == recorded.outcome
        except BaseException as error:
            error.add_note(f"killed at: {kind}")
            raise


@needs_proc
@pytest.mark.slow
def test_a_watched_run_killed_where_it_draws_has_each_picture_once(tmp_path: Path) -> None:
    with laboratory(tmp_path) as lab:
        with lab.recipe.open("a") as recipe:
            recipe.write('[watch]\ntensors = ["reconstruction"]\nimages = 2\n')
        recorded = Recorded(lab, tmp_path)
        kills = {kind: copies for kind, copies in recorded.copies.items() if "watch" in kind}
        assert {"write runs/recipe-#/watch.jsonl half", "write recipe-#/watch/.main-#.png.#.part half"} <= kills.keys()
        for copies in kills.values():
            for copy in copies:
                recorded.end(copy)


# --- processes killed by the system ---

RECIPE, SHRUNK = "recipes/vae_digits.toml", ["phases.main.epochs=3", "data.batch_size=500"]
SLOW_DISK = """
import os, time
fsync = os.fsync
def slow(descriptor):
    fsync(descriptor)
    time.sleep(0.03)
os.fsync = slow
"""


def test_a_process_killed_while_it_trains_while_it_saves_and_while_it_evaluates(tmp_path: Path) -> None:
    """By SIGKILL, on a disk that takes so long to sync that there is time to see where the process is."""
    semreg.run(ROOT / RECIPE, overrides=SHRUNK, device="cpu", out=tmp_path / "whole" / "runs")
    (tmp_path / "sitecustomize.py").write_text(SLOW_DISK)

    def start() -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        changes = [part for change in SHRUNK for part in ("--set", change)]
        command = [sys.executable, "-m", "semreg", "run", RECIPE, "--device", "cpu", *changes]
        out = ["--out", str(tmp_path / "killed" / "runs")]
        return subprocess.Popen([*command, *out], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)

    def killed_when(*seen: str) -> None:
        with start() as process:
            while not any(path for pattern in seen for path in (tmp_path / "killed").glob(f"runs/*/{pattern}")):
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.001)
            process.kill()
            process.communicate()
            assert process.returncode == -signal.SIGKILL

    killed_when("metrics.jsonl")
    killed_when("checkpoints/.*.part/state.json")
    killed_when("evaluations/.*.part/result.json")
    with start() as process:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
