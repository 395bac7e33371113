"""The report as a file of the run's folder, written when a run has finished and on request."""

from __future__ import annotations

from pathlib import Path

from semreg.core import ObservedRun
from semreg.core.hookspecs import hookimpl
from semreg.store.disk import write_whole, writing
from semreg.store.reading import refuse_exported
from semreg.store.recipes import own_name, report_path


def write_report(folder: Path, recipe: str | None = None) -> Path:
    """Write the report of a run, or of another recipe that trains the same, into its folder and return its path.

    Raises UserError if the folder holds no run, CannotWrite if it can't be written.
    """
    from semreg.report.page import render  # jinja2 and what draws are needed when a run has finished

    refuse_exported(folder, "reported")
    recipe = recipe or own_name(folder)
    page, path = render(folder, recipe), report_path(folder, recipe)
    with writing(folder, "fix this; then the same command writes the report"):
        write_whole(path, page.encode("utf-8", "replace"))  # a path in it may be no text
    return path


class ReportWriter:
    """The hook that writes the report of a finished run."""

    @hookimpl(trylast=True)
    def run_finished(self, run: ObservedRun) -> None:
        """Write the report after every other plugin."""
        write_report(run.folder, run.name)
