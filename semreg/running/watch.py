"""A hook that keeps pictures of named tensors during training: the recipe's `[watch]`."""

from __future__ import annotations

from semreg.core.hookspecs import Progress, hookimpl
from semreg.pictures.files import strip
from semreg.recipe.schema import WatchTable
from semreg.store.disk import write_whole, writing
from semreg.store.folder import RunFolder
from semreg.store.layout import WATCH, WATCHED
from semreg.store.watched import read_watched


class Watch:
    """The hook that keeps a picture at intervals of epochs, and at a phase's end: a row of images for each tensor.

    Args:
        table: which tensors, how often, and how many images.
        value_range: of the images.
    """

    def __init__(self, table: WatchTable, value_range: tuple[float, float]) -> None:
        self._table, self._range = table, value_range

    @hookimpl
    def phase_started(self, run: RunFolder) -> None:
        """Remove pictures after the checkpoint that the run resumes from: their list was cut there."""
        listed = {one.picture for one in read_watched(run.folder)}
        with writing(run.folder):
            for path in (run.folder / WATCH).glob("*.png"):
                if path.name not in listed:
                    path.unlink()

    @hookimpl
    def iteration_done(self, run: RunFolder, progress: Progress) -> None:
        """Draw at the end of a chosen epoch."""
        epoch, within = divmod(progress.iteration, progress.iterations // progress.epochs)
        if not within and epoch % self._table.every == 0:
            self._draw(run, progress.phase, epoch)

    @hookimpl
    def phase_finished(self, run: RunFolder, phase: str, epoch: int) -> None:
        """Draw the end, unless it is drawn."""
        if (phase, epoch) not in {(one.phase, one.epoch) for one in read_watched(run.folder)}:
            self._draw(run, phase, epoch)

    def _draw(self, run: RunFolder, phase: str, epoch: int) -> None:
        count = self._table.images
        picture = strip([run.tensor(name, count=count)[:count] for name in self._table.tensors], self._range)
        path = run.folder / WATCH / f"{phase}-{epoch}.png"
        with writing(run.folder):
            path.parent.mkdir(exist_ok=True)
            write_whole(path, picture)
        run.append(WATCHED, {"phase": phase, "epoch": epoch, "picture": path.name, "tensors": self._table.tensors})
