"""What is killed and started twice: commands on little data, the processes that do them, and what they leave.

A process is forked from one that has imported everything, for importing takes longer than the rest.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread, and one in what is started from here: a forked process has no other.
os.environ["OMP_NUM_THREADS"] = "1"

import torch

from benchmarks.families import DIGITS, FALLBACK_DIGITS, FAMILIES, NO_DATA, SMALL_AUTOENCODER, SMALL_CRITIC, SMALL_GM
from semreg.cli.main import app
from semreg.running import sources
from semreg.training import trainer
from tests.running.faults import outcome

ROOT = Path(__file__).parent.parent
SECONDS_BETWEEN_CHECKPOINTS = 0.2
MODULES = "modules.txt"


@dataclass(frozen=True)
class Subject:
    """A command that is done in a folder of its own: its name, its words, and what it changes by `--set`."""

    name: str
    words: tuple[str, ...]
    changes: tuple[str, ...]

    def command(self, folder: Path) -> list[str]:
        changes = [part for change in self.changes for part in ("--set", change)]
        places = ["--out", str(folder / "runs"), "--data-root", str(folder.parent / NO_DATA), "--device", "cpu"]
        return [*self.words, *places, *changes]


WITH_MAPS = ("atnl_mnist", "atnl_poses")
"""The families that keep their maps of codes, which take longer than all else."""
SHARES = {"few_shot_mnist": 1.0, "gm_semi": 0.4}
"""The training images taken of those that need more than a fifth of the digits."""
LESS = {
    "few_shot_mnist": [*SMALL_AUTOENCODER[:4], "without=['evaluate.codes']"],
    "uniform_ablation": ["fallback.data.count=600"],
    "olr_celeba": ["fallback.data.count=96", "without=['evaluate.editing_unscaled']"],
}


def shortened(name: str, changes: Sequence[str]) -> tuple[str, ...]:
    """The changes of a family that let it end sooner still: a fifth of the digits, and no map of codes."""
    mapped = [change for change in changes if change.startswith(("evaluate.codes", "without=['evaluate.codes"))]
    found = [change for change in changes if name in WITH_MAPS or change not in mapped]
    if mapped and name not in WITH_MAPS:
        found.append("without=['evaluate.codes']")
    if changes[0] in (DIGITS[0], FALLBACK_DIGITS[0]):
        data = "data" if DIGITS[0] in changes else "fallback.data"
        found.append(f"{data}.split.share={SHARES.get(name, 0.2)}")
    found = [change for change in found if not change.startswith("evaluate.editing_unscaled")]
    return (*found, *LESS.get(name, ()))


TABLE = Subject(
    "table", ("table", "recipes/mnist/ae.toml", "recipes/mnist/acai.toml", "--seeds", "2"),
    shortened("mnist/ae", FAMILIES["mnist/ae"]),
)  # fmt: skip
MIX = Subject(
    "mix", ("mix", "recipes/gm_mnist.toml", "--with", "losses.atnl=3,partial/predictability.toml", "--table"),
    (*SMALL_GM, *SMALL_CRITIC),
)  # fmt: skip
SUBJECTS = {
    one.name: one
    for one in (
        *(
            Subject(name, ("run", f"recipes/{name}.toml"), shortened(name, changes))
            for name, changes in FAMILIES.items()
        ),
        TABLE,
        MIX,
    )
}


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SEMREG_CACHE": str(folder / "cache")}


def done_apart(subject: Subject, folder: Path) -> dict[str, Any]:
    """Do a command by `python -m semreg`, undisturbed; what it left."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "semreg", *subject.command(folder)],
        cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{subject.name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return outcome(folder)


def import_everything(subject: Subject, folder: Path) -> float:
    """Import what a command imports, told by a process that does it; how long it then takes, in seconds."""
    torch.set_num_threads(1)
    trainer.SECONDS_BETWEEN_CHECKPOINTS = SECONDS_BETWEEN_CHECKPOINTS
    trainer.SHARE_OF_CHECKPOINTS = float("inf")
    folder.mkdir()
    names = folder / MODULES
    before = set(sys.modules)
    begun = time.monotonic()
    require_end(ended(subject, folder, lambda: names.write_text("\n".join(sys.modules))), folder)
    took = time.monotonic() - begun
    new = set(names.read_text().splitlines()) - before
    for name in sorted(new):
        with contextlib.suppress(Exception):  # some are imported by others alone
            importlib.import_module(name)
    names.unlink()
    sources._canonical = functools.cache(sources._canonical)
    for name, module in sys.modules.copy().items():
        if name.startswith("semreg") and (file := getattr(module, "__file__", None)):
            sources._canonical(name, Path(file))
    return took


def start(subject: Subject, folder: Path, then: Callable[[], Any] = lambda: None) -> int:
    """Start a command in a process of its own, which does `then` at the end; its id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.environ.update(environment(folder))
        os.chdir(ROOT)
        sys.argv = ["semreg", *subject.command(folder)]
        log = os.open(log_of(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = app(sys.argv[1:], prog_name="semreg", standalone_mode=False) or 0
        then()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def ended(subject: Subject, folder: Path, then: Callable[[], Any] = lambda: None) -> int:
    """Do a command to its end; its status."""
    return os.waitpid(start(subject, folder, then), 0)[1]


def log_of(folder: Path) -> Path:
    """What a command printed, beside its folder."""
    return folder.with_name(f"{folder.name}.log")


def require_end(status: int, folder: Path) -> None:
    if status:
        raise SystemExit(f"{folder.name} ended with {status}:\n{log_of(folder).read_text()[-2000:]}")


def differing(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """The names of what differs."""
    return sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
