"""ATNL over all triplets: time of forward and backward, and peak memory, beside other ways to compute the same loss.

`python -m benchmarks.atnl` prints one table, `--device cuda` measures a GPU. Codes are normal with 64 dimensions, ten
classes stand in a ring, the margin is 1.2. Each case runs in a process of its own, those of one batch size one after
another. The ways:

* semreg: `semreg_atnl.functional.angular_triplet_neighbor_loss`.
* PML: pytorch-metric-learning's TripletMarginLoss with an angular distance, given the same triplets. Every batch has
  other labels, so listing them (by the expression of its own `get_all_triplets_indices`) counts; "alone" is without.
* broadcast: the definition on a tensor of all triplets.

Time is the best of up to 301 runs within five seconds, after one on a small batch. Memory is the peak of the first run
above what the process held before it: of its resident set (Linux), or of the device's allocator. A case that would need
more than three quarters of the memory that is free is left out. The others' angles are PyTorch's arccos in float32,
cut off short of 0 and π; semreg's are accurate.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import ROOT, Findings, Goal, Table, machine, version_of
from benchmarks.speed import goals_of

CLASSES, DIMENSIONS, MARGIN = 10, 64, 1.2
SIZES = (256, 512, 1024, 2048, 4096, 16384)
WAYS = ("semreg", "PML", "broadcast")
# Bytes that a way needs for each triplet, as found at 512.
BYTES = {"semreg": 0.0, "PML": 46.0, "broadcast": 18.0}


def is_positive(labels: Tensor) -> Tensor:
    """Which columns are positives of each row, the anchor itself included, and the rest its negatives."""
    distance = (labels[:, None] - labels).abs()
    return torch.minimum(distance, CLASSES - distance) <= 1


def angle_matrix(codes: Tensor) -> Tensor:
    """Angles as one writes them plainly, in the codes' precision."""
    unit = torch.nn.functional.normalize(codes)
    return (unit @ unit.T).clamp(-1 + 1e-7, 1 - 1e-7).acos()


def semreg_loss() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    from semreg_atnl.functional import angular_triplet_neighbor_loss

    def loss(codes: Tensor, labels: Tensor) -> Tensor:
        return angular_triplet_neighbor_loss(codes, labels, margin=MARGIN, neighbors="ring", num_classes=CLASSES)

    return {"": loss}


def metric_learning_loss() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    from pytorch_metric_learning.distances import BaseDistance
    from pytorch_metric_learning.losses import TripletMarginLoss

    class AngularDistance(BaseDistance):  # type: ignore[misc]
        def compute_mat(self, query: Tensor, reference: Tensor | None) -> Tensor:
            reference = query if reference is None else reference
            return (query @ reference.T).clamp(-1 + 1e-7, 1 - 1e-7).acos()

        def pairwise_distance(self, query: Tensor, reference: Tensor) -> Tensor:
            return (query * reference).sum(1).clamp(-1 + 1e-7, 1 - 1e-7).acos()

    function = TripletMarginLoss(margin=MARGIN, distance=AngularDistance(normalize_embeddings=True))
    listed: list[Any] = []

    def triplets(labels: Tensor) -> tuple[Tensor, ...]:
        positive = is_positive(labels).byte()
        negative = positive ^ 1
        positive.fill_diagonal_(0)
        return torch.where(positive.unsqueeze(2) * negative.unsqueeze(1))

    def with_listing(codes: Tensor, labels: Tensor) -> Tensor:
        listed[:] = []
        listed[:] = [triplets(labels)]
        return function(codes, labels, indices_tuple=listed[0])

    def alone(codes: Tensor, labels: Tensor) -> Tensor:
        return function(codes, labels, indices_tuple=listed[0])

    return {"": with_listing, "alone": alone}


def broadcast_loss() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    def loss(codes: Tensor, labels: Tensor) -> Tensor:
        theta, positive = angle_matrix(codes), is_positive(labels)
        negative = ~positive
        positive.fill_diagonal_(False)
        excess = (theta[:, :, None] + MARGIN - theta[:, None, :]).relu()
        excess = excess * (positive[:, :, None] & negative[:, None, :])
        return excess.sum() / (excess > 0).sum().clamp(min=1)

    return {"": loss}


LOSSES = {"semreg": semreg_loss, "PML": metric_learning_loss, "broadcast": broadcast_loss}


class Memory:
    """The peak of this process's memory, or of its device's, since this was made."""

    def __init__(self, device: str) -> None:
        self.device = device
        if device == "cpu":
            Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held now
            self.before = self._status("VmRSS")
        else:
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()

    def peak(self) -> int:
        now = self._status("VmHWM") if self.device == "cpu" else torch.cuda.max_memory_allocated()
        return now - self.before

    @staticmethod
    def _status(key: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def measure(way: str, size: int, device: str, threads: int) -> dict[str, Any]:
    """One way at one batch size: the loss, milliseconds and peak bytes."""
    torch.set_num_threads(threads)
    losses = LOSSES[way]()

    def batch(size: int) -> tuple[Tensor, Tensor]:
        codes = torch.randn(size, DIMENSIONS, generator=torch.Generator().manual_seed(0))
        return codes.to(device).requires_grad_(), (torch.arange(size) % CLASSES).to(device)

    def run(function: Callable[[Tensor, Tensor], Tensor], codes: Tensor, labels: Tensor) -> tuple[float, float]:
        codes.grad = None
        start = time.perf_counter()
        loss = function(codes, labels)
        loss.backward()
        value = loss.item()  # waits for the device
        return value, (time.perf_counter() - start) * 1e3

    for function in losses.values():
        run(function, *batch(40))  # what is loaded and set up once
    codes, labels = batch(size)
    result: dict[str, Any] = {}
    for name, function in losses.items():
        memory = Memory(device)
        value, first = run(function, codes, labels)
        result.setdefault("loss", value)
        result.setdefault("bytes", memory.peak())
        repeats = min(300, int(5_000 / first))
        result[f"ms {name}".strip()] = min([first, *(run(function, codes, labels)[1] for _ in range(repeats))])
    return result


def free_bytes(device: str) -> int:
    if device != "cpu":
        return torch.cuda.mem_get_info()[0]
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def fits(way: str, size: int, device: str) -> bool:
    triplets = size**3 * (0.21 if way == "PML" else 1.0)  # ten classes: 3/10 times 7/10 of all
    return triplets * BYTES[way] < 0.75 * free_bytes(device)


def in_a_process(way: str, size: int, arguments: argparse.Namespace) -> dict[str, Any] | str:
    """The measurement, or why there is none."""
    if not fits(way, size, arguments.device):
        return "no memory"
    command = [sys.executable, "-m", "benchmarks.atnl", "--case", way, str(size), "--device", arguments.device]
    done = subprocess.run(
        [*command, "--threads", str(arguments.threads)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        return "not installed" if "ModuleNotFoundError" in done.stderr else "failed"
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def cells(result: dict[str, Any] | str, ours: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Time, ratio and memory of another way beside ours."""
    if isinstance(result, str):
        return [result, *[""] * (2 * len(names))]
    times = [f(result[key]) for key in names for f in (_time, lambda ms: f"{ms / ours['ms']:.0f}×")]
    agrees = math.isclose(result["loss"], ours["loss"], rel_tol=1e-4)
    return [*times, _size(result["bytes"]) + ("" if agrees else f" (loss {result['loss']:.5f}!)")]


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _size(count: float) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


COLUMNS = (
    "batch", "loss", "semreg", "memory", "PML", "ratio", "alone", "ratio", "memory", "broadcast", "ratio", "memory",
)  # fmt: skip
RATIOS = {256: 15, 512: 75, 1024: 200}
"""How many times as fast as PML semreg is to be, by batch size."""
MEGABYTES = 100
"""The most that semreg may take at 1024."""


def findings(arguments: argparse.Namespace) -> Findings:
    """The table, and what of the goals was met on a processor."""
    rows, goals = [], []
    for size in arguments.sizes:
        print(f"measuring {size} …", file=sys.stderr, flush=True)
        ours, metric_learning, broadcast = (in_a_process(way, size, arguments) for way in WAYS)
        if isinstance(ours, str):
            raise SystemExit(f"semreg at {size}: {ours}")
        row = [str(size), f"{ours['loss']:.5f}", _time(ours["ms"]), _size(ours["bytes"])]
        rows.append([*row, *cells(metric_learning, ours, ("ms", "ms alone")), *cells(broadcast, ours, ("ms",))])
        if size in RATIOS and not isinstance(metric_learning, str):
            ratio = metric_learning["ms"] / ours["ms"]
            what, goal = f"PML's time over semreg's at {size}", RATIOS[size]
            goals.append(Goal(what, f"≥ {goal}", f"{ratio:.0f}", ratio >= goal))
        if size == 1024:
            what, megabytes = "semreg's memory at 1024", ours["bytes"] / 1e6
            goals.append(Goal(what, f"≤ {MEGABYTES} MB", f"{megabytes:.0f} MB", megabytes <= MEGABYTES))
    return Findings([Table("ATNL over all triplets", COLUMNS, rows)], goals if arguments.device == "cpu" else [])


def main() -> None:
    """The command: one table, and the goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.atnl", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--case", nargs=2, metavar=("WAY", "SIZE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        way, size = arguments.case
        print(json.dumps(measure(way, int(size), arguments.device, arguments.threads)))
        return
    torch.set_num_threads(arguments.threads)
    facts = [*machine(), f"PML: pytorch-metric-learning {version_of('pytorch-metric-learning') or 'is not installed'}"]
    if arguments.device == "cuda":
        facts.append(torch.cuda.get_device_name())
    command = " ".join(["python -m benchmarks.atnl", *sys.argv[1:]])
    print("\n".join([f"`{command}`", "", *(f"- {fact}" for fact in facts), ""]), flush=True)
    found = findings(arguments)
    print("\n".join(table.markdown() for table in [*found.tables, *([goals_of([found])] if found.goals else [])]))


if __name__ == "__main__":
    main()
