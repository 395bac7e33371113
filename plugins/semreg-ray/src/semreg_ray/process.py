"""The process of a trial: `semreg`, which stops at a checkpoint when the Ray worker that started it is gone."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main(share: float, arguments: list[str]) -> None:
    """Run `semreg ARGUMENTS` with a share of a GPU, in this process; the worker keeps its standard input open."""
    threading.Thread(target=_stop_alone, daemon=True).start()
    if 0 < share < 1:
        import torch

        from semreg.core import room_on

        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(room_on(total, share) / total)
    sys.argv = ["semreg", *arguments]
    runpy.run_module("semreg", run_name="__main__", alter_sys=False)


def _stop_alone() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
