"""Kill the embedded OLR run, shrunk, at random moments, and see whether it still ends with the same bits.

    python -m benchmarks.kills --kills 50 --seed 0

Each kill is a SIGKILL to a process that does `semreg run`, at a moment drawn evenly over the time that a run takes,
from building the cache to writing the report. Then the same command goes on, in a third of the cases to be killed
again, and at last to its end. Weights, metrics, evaluations, and the files there are, are compared with those of a run
that was never killed, done by `python -m semreg run` in a process of its own. The processes to kill are forked from one
that has imported everything, for importing takes longer than the rest. `--every-write` kills a smaller run at every
write instead.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# One thread, and one in what is started from here: a forked process has no other.
os.environ["OMP_NUM_THREADS"] = "1"

import torch

from semreg.cli.main import app
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.store.record import read_record
from semreg.training import trainer
from semreg.training.trial import check_by_dry_run
from tests.running.faults import laboratory, outcome
from tests.writes import Copies, Writes

ROOT = Path(__file__).parent.parent
RECIPE = "recipes/olr_celeba.toml"
SHRUNK = [
    "fallback.data.count=96", "data.batch_size=16", "phases.classifier.epochs=2", "phases.siamese.epochs=1",
    "phases.decoder.epochs=1", "modules.decoder.width=0.1", "fallback.modules.siamese.channels=[8, 16]",
    "fallback.modules.classifier.widths=[8, 16]", "evaluate.editing.count=4", "without=['evaluate.editing_unscaled']",
]  # fmt: skip
SECONDS_BETWEEN_CHECKPOINTS = 0.2
SHARE_KILLED_AGAIN = 1 / 3


def command(folder: Path) -> list[str]:
    changes = [part for change in SHRUNK for part in ("--set", change)]
    places = ["--out", str(folder / "runs"), "--data-root", str(folder.parent / "nothing"), "--device", "cpu"]
    return ["run", RECIPE, *places, *changes]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SEMREG_CACHE": str(folder / "cache")}


def reference(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "semreg", *command(folder)],
        cwd=ROOT, env=environment(folder), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return outcome(folder)


def import_everything(folder: Path) -> None:
    """Import what the run does, with all its components."""
    import sklearn.linear_model  # noqa: F401

    torch.set_num_threads(1)
    trainer.SECONDS_BETWEEN_CHECKPOINTS = SECONDS_BETWEEN_CHECKPOINTS
    check_by_dry_run(check(load_recipe(ROOT / RECIPE, SHRUNK), data_root=folder, fallback=True))


def start(folder: Path) -> int:
    """Start the run in a process of its own; its id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.environ.update(environment(folder))
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        app(command(folder), prog_name="semreg", standalone_mode=False)
        code = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def killed(folder: Path, seconds: float) -> tuple[str | None, float]:
    """Start the run and kill it after some time; where it was, or None if it had ended, and how long it went on."""
    begun, process = time.monotonic(), start(folder)
    while (took := time.monotonic() - begun) < seconds:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            check_end(folder, status)
            return None, took
        time.sleep(min(seconds - took, 0.002))
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return (where(folder) if os.WIFSIGNALED(status) else None), took


def where(folder: Path) -> str:
    """What a run that was killed was at."""
    writing = ""
    if part := next(iter(sorted(folder.rglob(".*.part*"))), None):
        what = f"{part.parent.name}/{part.name.split('.')[1]}" if part.is_dir() else part.name.split(".")[1]
        writing = f", writing {'the cache' if part.suffix == '.partial' else what}"
    states = []
    for run in sorted(folder.glob("runs/*/run.json")):
        record = read_record(run.parent)
        if record.state == "running":
            states.append(f"{record.name} {record.status.get('phase')} {record.status.get('iteration', '')}".strip())
        elif record.state == "unknown":
            states.append(f"{record.name} before its first record")
        elif not record.status.get("reported", True):
            states.append(f"{record.name} reporting")
    begun = any((folder / "cache").glob("[!.]*")) if (folder / "cache").is_dir() else False
    return (" / ".join(states) or ("the data are there" if begun else "before the data are there")) + writing


def ended(folder: Path) -> None:
    """Let the run go on to its end."""
    _, status = os.waitpid(start(folder), 0)
    check_end(folder, status)


def check_end(folder: Path, status: int) -> None:
    if status:
        raise SystemExit(f"the run ended with {status}:\n{(folder / 'log').read_text()[-2000:]}")


def kills(folder: Path, count: int, seed: int) -> int:
    """Kill `count` runs; the number of those that ended otherwise."""
    expected = reference(folder / "reference")
    import_everything(folder)
    begun = time.monotonic()
    (folder / "whole").mkdir()
    ended(folder / "whole")
    lasts = time.monotonic() - begun
    (folder / "whole" / "log").unlink()
    differed = report("never killed", outcome(folder / "whole"), expected)
    print(f"a run takes {lasts:.1f} s, and writes a checkpoint every {SECONDS_BETWEEN_CHECKPOINTS} s and after phases")
    draws, done = random.Random(seed), 0
    while done < count:
        trial = folder / f"{done:03d}"
        trial.mkdir()
        moments: list[str] = []
        for _ in range(2 if draws.random() < SHARE_KILLED_AGAIN and done + 2 <= count else 1):
            moment, took = killed(trial, draws.uniform(0, lasts))
            if moment is None:
                lasts = lasts if moments else took  # the machine has become faster
                break
            moments.append(f"{took:5.1f} s: {moment}")
        if moments:
            ended(trial)
            done += len(moments)
            (trial / "log").unlink()
            what = f"{done:3d}  {'; again after '.join(moments)}"
            differed += report(what, outcome(trial), expected) * len(moments)
        shutil.rmtree(trial)
    print(f"{done} kills, {differed} differed")
    return differed


def report(what: str, found: dict[str, Any], expected: dict[str, Any]) -> bool:
    keys = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    print(f"{what}: {'differs in ' + ', '.join(keys) if keys else 'the same bits'}", flush=True)
    return bool(keys)


def every_write(folder: Path) -> int:
    """Kill the tests' small run at every write that changes the disk; the number of those that ended otherwise."""
    with laboratory(folder) as lab:
        first = folder / "reference"
        first.mkdir()
        copies = Copies(first, folder / "kills", everything=True)
        with lab.monkeypatch.context() as patch:
            Writes(first, copies, patch)
            lab.run(first)
        expected, differed = outcome(first), 0
        found = sorted((copy, kind) for kind, taken in copies.taken.items() for copy in taken)
        for copy, kind in found:
            lab.run(copy)
            differed += report(kind, outcome(copy), expected)
            shutil.rmtree(copy)
    print(f"{len(found)} kills, {differed} differed")
    return differed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--every-write", action="store_true", help="kill a small run at every write instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        differed = (
            every_write(Path(folder)) if arguments.every_write else kills(Path(folder), arguments.kills, arguments.seed)
        )
    sys.exit(1 if differed else 0)


if __name__ == "__main__":
    main()
