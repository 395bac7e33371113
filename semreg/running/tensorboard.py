"""A hook that shows a run's curves, figures and pictures in TensorBoard (`--tensorboard`): `tensorboard --logdir runs`.

The run's own files are authoritative. When a run resumes, the hook recreates `RUN/tensorboard` from them, and then
follows them; so iterations that were cut off and trained again never appear twice.

Losses are `PHASE/LOSS` by the phase's iteration, with their validation in a separate run (`validation`), so that one
chart shows both curves. `speed/PHASE/…` holds images per second and milliseconds per iteration; `NAME/…` under
`evaluation` holds an evaluation's figures and pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from semreg.core import ObservedRun, Result, UserError
from semreg.core.hookspecs import Progress, hookimpl
from semreg.store.disk import MOST_OF_A_LOG, read_file
from semreg.store.layout import METRICS
from semreg.store.recipes import evaluations_of
from semreg.store.record import SECONDS_OF, objects
from semreg.store.results import read_result

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
SECONDS_BETWEEN_WRITES = 10


def require_tensorboard() -> None:
    """Raise UserError that names what to install if TensorBoard is missing or too old."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        message = f'TensorBoard cannot be used here ({error}); pip install "semreg[tensorboard]"'
        raise UserError("--tensorboard", message) from None


class TensorBoard:
    """The hook that follows a run's folder and writes new content at every record of its metrics."""

    def __init__(self) -> None:
        self._writers: dict[str, SummaryWriter] = {}
        self._read = 0
        self._last: dict[str, int] = {}
        self._evaluated: set[str] = set()

    # Not before a phase or an evaluation: a resumed run cuts its logs back after it has started.

    @hookimpl
    def phase_started(self, run: ObservedRun) -> None:
        self._follow(run)

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        if progress.losses is not None:
            self._follow(run)

    @hookimpl
    def checkpoint_written(self, run: ObservedRun) -> None:
        self._follow(run)

    @hookimpl
    def evaluation_done(self, run: ObservedRun) -> None:
        self._follow(run)

    @hookimpl
    def run_finished(self, run: ObservedRun) -> None:
        self._follow(run)
        self._close()

    @hookimpl
    def run_stopped(self, run: ObservedRun) -> None:
        self._close()

    def _follow(self, run: ObservedRun) -> None:
        """Write the content of the run's folder that TensorBoard's files lack."""
        if not self._writers:
            # Emptied and not removed: a TensorBoard that is open would not get past a file that is gone.
            for path in (run.folder / FOLDER).rglob("events.out.tfevents.*"):
                if path.is_file() and not path.is_symlink():
                    os.truncate(path, 0)
            self._writer(run.folder, "")
        for line in self._new_lines(run.folder / METRICS):
            self._write(run.folder, line)
        for name, folder in evaluations_of(run.folder, run.name).items():
            if name not in self._evaluated:
                self._evaluated.add(name)
                self._write_result(run.folder, name, read_result(folder))

    def _new_lines(self, path: Path) -> Iterator[dict[str, Any]]:
        try:
            text = read_file(path, most=MOST_OF_A_LOG, start=self._read)
        except FileNotFoundError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        yield from objects(whole.split(b"\n"))

    def _write(self, folder: Path, line: Mapping[str, Any]) -> None:
        phase, step = line["phase"], int(line["iteration"])
        self._last[phase] = step
        training = {f"{phase}/{name}": value for name, value in line.get("losses", {}).items()}
        if "images_per_second" in line:
            training[f"speed/{phase}/images_per_second"] = line["images_per_second"]
        for part, seconds in line.get("seconds_per_iteration", {}).items():
            training[f"speed/{phase}/milliseconds_{part}"] = 1000 * seconds
        training |= {f"speed/{phase}/{name}": value for name, value in line.items() if name.startswith(SECONDS_OF)}
        validation = {f"{phase}/{name}": value for name, value in line.get("validation", {}).items()}
        for kind, scalars in (("", training), ("validation", validation)):
            for tag, value in scalars.items():
                self._writer(folder, kind).add_scalar(tag, value, step)

    def _write_result(self, folder: Path, name: str, result: Result) -> None:
        writer, step = self._writer(folder, ""), sum(self._last.values())
        for figure, value in result.figures.items():
            writer.add_scalar(f"evaluation/{name}/{figure}", value, step)
        for position, picture in enumerate(result.pictures, start=1):
            with Image.open(BytesIO(picture.png)) as image:
                pixels = np.asarray(image.convert("RGB"))
            writer.add_image(f"{name}/{position} {picture.title}", pixels, step, dataformats="HWC")

    def _writer(self, folder: Path, kind: str) -> SummaryWriter:
        """Return the writer of a kind of curves."""
        if kind not in self._writers:
            from torch.utils.tensorboard import SummaryWriter

            # Purging from step 0 makes a TensorBoard that is open let go of what it read in earlier files.
            self._writers[kind] = SummaryWriter(
                str(folder / FOLDER / kind), purge_step=0, flush_secs=SECONDS_BETWEEN_WRITES
            )
        return self._writers[kind]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
