"""The evaluations of a finished run, done again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pluggy

from semreg.core import Result, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.running.choices import Choices
from semreg.running.evaluations import evaluate_run
from semreg.running.start import finish, judge
from semreg.store.folder import RunFolder
from semreg.store.layout import EVALUATIONS, RECORD, STATUS
from semreg.trained.opening import open_trained
from semreg.training.interrupts import Interrupts


def evaluate(
    folder: str | Path, only: Sequence[str] | None = None, *, data_root: str | Path = "data", device: str = "auto"
) -> dict[str, Result]:
    """Do the evaluations of a trained run again, or those of `only`, and write its report anew.

    Raises UserError if the run is not trained to its end, or has no such evaluation.
    """
    run = open_trained(folder, data_root=data_root, device=device)
    _ = run.data  # before anything of it is read or written: they may be missing, or others
    files = RunFolder(run.folder, run.plan.name)
    files.open()
    try:
        manager: pluggy.PluginManager = plugin_manager.load_hooks(files.warn)
        skip = files.read_json(RECORD).get("skip_bad_images", False)
        choices = Choices(device=device, data_root=Path(data_root), out=run.folder.parent, skip_bad_images=skip)
        before = files.read_json(STATUS)
        try:
            with Interrupts() as interrupts:
                results = evaluate_run(run, files, manager, partial(judge, run, choices, interrupts), only, again=True)
        except BaseException:
            with contextlib.suppress(CannotWrite):
                files.write_json(STATUS, before)
            raise
        left = [name for name in run.plan.evaluations if not (run.folder / EVALUATIONS / name).is_dir()]
        if left:
            files.status("stopped", message=f"still to be evaluated: {', '.join(left)}")
            plugin_manager.call(manager, "run_finished", run=files)
        else:
            finish(files, manager)
    finally:
        files.close()
    return results
