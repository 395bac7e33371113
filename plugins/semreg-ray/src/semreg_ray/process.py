"""The process of a trial: `semreg`, which stops at a checkpoint when the worker of Ray that has begun it is gone."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

CONTEXT = 600 * 2**20
"""Bytes of a GPU that a process takes, before any tensor lies there."""


def main(share: float, arguments: list[str]) -> None:
    """Run `semreg ARGUMENTS` with a share of a GPU, in this process, whose standard input the worker holds open."""
    threading.Thread(target=_stop_alone, daemon=True).start()
    if 0 < share < 1:
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(fraction_of(total, share))
    sys.argv = ["semreg", *arguments]
    runpy.run_module("semreg", run_name="__main__", alter_sys=False)


def fraction_of(total: int, share: float) -> float:
    """The fraction of a GPU of `total` bytes that the tensors of a process with a share of it may take, beside the
    contexts of all processes there and of their coordinator: what semreg holds the steps of a recipe against."""
    return max(0.0, share - (1 + share) * CONTEXT / total)


def _stop_alone() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
