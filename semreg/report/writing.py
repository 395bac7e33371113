"""The report as a file of the run's folder, written when a run has finished and at any time again."""

from __future__ import annotations

from pathlib import Path

from semreg.core import ObservedRun
from semreg.core.hookspecs import hookimpl
from semreg.report.page import render
from semreg.store.disk import write_whole, writing


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run's folder and return its path.

    Raises UserError if the folder holds no run, CannotWrite if it can't be written.
    """
    path = folder / "report.html"
    page = render(folder)
    with writing(folder, "when that is mended, the same command writes the report"):
        write_whole(path, page.encode())
    return path


class ReportWriter:
    """The hook that writes the report of a run that has finished."""

    @hookimpl(trylast=True)
    def run_finished(self, run: ObservedRun) -> None:
        """Write the report once every other plugin has done its part."""
        write_report(run.folder)
