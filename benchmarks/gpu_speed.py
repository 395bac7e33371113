"""How long an iteration takes on a device: semreg's, eager, captured and compiled, beside loops written by hand."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks import by_hand
from benchmarks.families import NO_DATA
from benchmarks.made_up import made_up, write_mnist
from benchmarks.measure import ROOT, in_turns
from benchmarks.work import Work
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.training.phase import PhaseRunner

ROUNDS = 5
SECONDS = 0.15
"""Of a round of one contestant."""
WARM_UP = 12
"""Iterations before any is measured: of them some are captured, and cuDNN chooses its algorithms."""
IMAGES = 10_000
"""Made up, for whole-sized nets."""


@dataclass(frozen=True)
class Speed:
    """A recipe whose speed is measured: what changes it, and how it is written by hand, if it is."""

    recipe: str
    changes: tuple[str, ...]
    phase: int = 0
    hand: by_hand.Recipe | None = None
    captured_over_bare: float | None = None
    """How many times as fast as the bare loop of default Adam the captured one is to be."""
    images_per_second: float | None = None

    @property
    def important(self) -> bool:
        """Whether something is to be reached."""
        return bool(self.captured_over_bare or self.images_per_second)

    def work(self, whole: bool) -> Work:
        """The recipe on made-up images of its own data's size; unless `whole`, on a few in small batches."""
        changes = self.changes if whole else (*self.changes, "data.batch_size=8")
        plan = check(load_recipe(ROOT / "recipes" / f"{self.recipe}.toml", changes), data_root=Path(NO_DATA))
        plan = plan.trained_part()
        return Work(plan, made_up(plan.fields, IMAGES if whole else 40))


_OLR = ("data.size=64", "modules.decoder.size=64", "tensors.target.pixels=0")
SPEEDS: dict[str, Speed] = {
    "atnl_mnist, batches of 256": Speed("atnl_mnist", (), 0, by_hand.atnl, 3.0),
    "gm_mnist, batches of 96": Speed("gm_mnist", (), 0, by_hand.gm_mnist, 5.0),
    "vae_digits, batches of 64": Speed("vae_digits", (), 0, by_hand.vae, 3.0),
    "olr_celeba 64×64, classifier, batches of 64": Speed("olr_celeba", _OLR, 0),
    "olr_celeba 64×64, siamese, batches of 64": Speed("olr_celeba", _OLR, 1),
    "olr_celeba 64×64, siamese, batches of 512": Speed(
        "olr_celeba", (*_OLR, "data.batch_size=512"), 1, images_per_second=20_000
    ),
    "olr_celeba 64×64, decoder, batches of 64": Speed("olr_celeba", _OLR, 2),
    "atnl_mnist, batches of 128": Speed("atnl_mnist", ("data.batch_size=128",), 0, by_hand.atnl),
}
"""By what is measured, the most important first."""
ENGINE, CAPTURED, COMPILED = "semreg, eager", "semreg, captured", "semreg, compiled"
BARE, FUSED, BARE_CAPTURED = "bare, default Adam", "bare, fused Adam", "bare, fused Adam, captured"

Steps = Callable[[int], None]
"""Does so many iterations."""


def makers(
    speed: Speed, work: Work, device: torch.device, folder: Path, precision: str
) -> dict[str, Callable[[], Steps]]:
    """What makes each contestant, by its name; those that need CUDA are there if the device has it."""
    bf16, cuda = precision == "bf16", device.type == "cuda"

    def engine(**setting: bool) -> Steps:
        place = folder / "_".join([precision, *setting])
        return numbered(work.runner(place, device, phase=speed.phase, precision=precision, **setting))

    def bare(hand: by_hand.Recipe, *, fused: bool = False, captured: bool = False) -> Steps:
        adam = by_hand.adam(fused=fused, capturable=captured)
        return by_hand.Loop(work, hand(work.plan, adam, device, bf16=bf16), device, captured=captured).steps

    found: dict[str, Callable[[], Steps]] = {ENGINE: engine}
    if cuda:
        found[CAPTURED] = lambda: engine(capture=True)
    if (hand := speed.hand) is not None:
        found |= {BARE: lambda: bare(hand), FUSED: lambda: bare(hand, fused=True)}
        if cuda:
            found[BARE_CAPTURED] = lambda: bare(hand, fused=True, captured=True)
    return found


def compiled_makers(speed: Speed, work: Work, device: torch.device, folder: Path) -> dict[str, Callable[[], Steps]]:
    """What makes the contestants of which torch.compile, which takes its time, does a part."""

    def engine() -> Steps:
        capture = device.type == "cuda"
        return numbered(work.runner(folder / "compiled", device, phase=speed.phase, compile=True, capture=capture))

    return {COMPILED: engine}


def numbered(runner: PhaseRunner) -> Steps:
    """A runner's iterations, one after another."""
    numbers = itertools.count()

    def steps(count: int) -> None:
        for number in itertools.islice(numbers, count):
            runner.iterate(number)

    return steps


def measured(
    contestants: Mapping[str, Steps], device: torch.device, seconds: float, rounds: int
) -> dict[str, list[float]]:
    """Seconds per iteration of each contestant in each round, in turns; all are warm. A round takes about `seconds`."""
    counts = {}
    for name, steps in contestants.items():
        _wait(device)
        begun = time.perf_counter()
        steps(1)
        _wait(device)
        counts[name] = max(1, min(1000, round(seconds / (time.perf_counter() - begun))))

    def timed(name: str) -> float:
        _wait(device)
        begun = time.perf_counter()
        contestants[name](counts[name])
        _wait(device)
        return (time.perf_counter() - begun) / counts[name]

    return in_turns({name: partial(timed, name) for name in contestants}, rounds, warm_up=False)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def milliseconds(values: list[float]) -> float:
    return statistics.median(values) * 1e3


# --- a whole run ---


def whole_run(folder: Path, device: str, *, train: int, test: int, epochs: int, timeout: float) -> dict[str, float]:
    """Seconds that `semreg run` takes on atnl_mnist with made-up images, start and evaluation included.

    Also the seconds that it trained, the images per second that it recorded last, and the seconds from its start to the
    end of each evaluation. Raises RuntimeError if it fails, and subprocess.TimeoutExpired.
    """
    write_mnist(folder / "data", train, test)
    command = [
        sys.executable, "-m", "semreg", "run", str(ROOT / "recipes" / "atnl_mnist.toml"), "--device", device,
        "--data-root", str(folder / "data"), "--out", str(folder / "runs"),
        "--set", f"phases.main.epochs={epochs}",
    ]  # fmt: skip
    path = os.pathsep.join([str(ROOT), *(part for part in [os.environ.get("PYTHONPATH")] if part)])
    environment = {**os.environ, "SEMREG_CACHE": str(folder / "cache"), "PYTHONPATH": path}
    begun, clock = time.perf_counter(), time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=timeout)
    took = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"semreg run ended with {done.returncode}: {done.stderr[-1500:]}")
    results = sorted((folder / "runs").glob("*/evaluations/*/result.json"), key=lambda path: path.stat().st_mtime)
    ends = {f"until {path.parent.name.rpartition('-')[0]}": path.stat().st_mtime - clock for path in results}
    return {"seconds": took} | read_speed(folder / "runs") | ends


def read_speed(runs: Path) -> dict[str, float]:
    """What the only run of a folder recorded last: seconds of training, and images per second."""
    (path,) = runs.glob("atnl_mnist-*/metrics.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    last = next(line for line in reversed(lines) if "images_per_second" in line)
    return {"training": last["seconds"], "images_per_second": last["images_per_second"]}
