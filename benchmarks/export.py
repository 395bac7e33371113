"""How long exported modules take for one image, beside the run and onnxruntime, on one thread.

    pip install "semreg[onnx]"
    python -m benchmarks.export [RUN]

RUN is exported by `semreg export --onnx` into a temporary folder; its data must be here. By default both runs of the
zoo are, whose data come with the packages.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch

import semreg
from benchmarks.measure import Table, in_turns, seconds
from semreg.store.names import zoo_names

CALLS, ROUNDS = 50, 20
IMAGE = (1, 100, 80, 3)
"""Of another size and shape than any model's."""


def measured(run: Any, folder: Path, part: str, values: tuple[torch.Tensor, ...], own: Callable[[], Any]) -> list[str]:
    """Milliseconds of one call of a part: as PyTorch loads it, in onnxruntime, and of the run itself; a table's row."""
    loaded = torch.export.load(folder / f"{part}.pt2").module()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / f"{part}.onnx", options, providers=["CPUExecutionProvider"])
    given = dict(zip((one.name for one in session.get_inputs()), (value.numpy() for value in values), strict=True))

    def each(call: Callable[[], Any]) -> Callable[[], float]:
        return lambda: 1e3 / CALLS * seconds(lambda: [call() for _ in range(CALLS)])

    with torch.no_grad():
        found = in_turns(
            {
                "pt2": each(lambda: loaded(*values)),
                "onnxruntime": each(lambda: session.run(None, given)),
                "run": each(own),
            },
            ROUNDS,
        )
    return [run.folder.name, part, *(f"{statistics.median(times):.3f}" for times in found.values())]


def rows_of(name: str) -> list[list[str]]:
    """The rows of both parts of a run."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, name.rpartition(":")[2].rpartition("/")[2])
        semreg.export(name, out=folder, onnx=True)
        run = semreg.open_export(folder, device="cpu")
        image = torch.randint(0, 256, IMAGE, dtype=torch.uint8)
        code = run.encode(image.numpy())
        codes = code if isinstance(code, tuple) else (code,)
        return [
            measured(run, folder, "encoder", (image,), lambda: run.encode(image.numpy())),
            measured(run, folder, "decoder", codes, lambda: run.decode(*codes)),
        ]


def main() -> None:
    """Export, measure and print."""
    torch.set_num_threads(1)
    rows = [row for name in sys.argv[1:] or zoo_names() for row in rows_of(name)]
    columns = ["run", "module", "PyTorch, .pt2", "onnxruntime", "the run itself"]
    print(Table("One image, ms", columns, rows, "Medians, in turns, on one thread.").markdown())


if __name__ == "__main__":
    main()
