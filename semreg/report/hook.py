"""The report as a hook: written when a run has finished."""

from __future__ import annotations

from semreg.core import ObservedRun
from semreg.core.hookspecs import hookimpl
from semreg.report.page import write_report


@hookimpl(trylast=True)
def run_finished(run: ObservedRun) -> None:
    """Write the report once every other plugin has done its part."""
    write_report(run.folder)
