"""Statistics of the training data that a run keeps for its use: the states of interpolators and priors, and plugins'
own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pluggy
from torch import Tensor

from semreg.core import plugin_manager
from semreg.store.folder import RunFolder
from semreg.store.statistics import packed, read_statistics, write_statistics
from semreg.trained.run import Run
from semreg.trained.statistics import fitted_interpolators, fitted_priors


def keep_statistics(run: Run, folder: RunFolder, manager: pluggy.PluginManager) -> None:
    """Collect them and write them into the run's folder, beside those of other roles. Raises CannotWrite."""
    folder.status("running", phase="statistics")
    found: dict[str, Mapping[str, Tensor]] = {**fitted_interpolators(run), **fitted_priors(run, folder.warn)}
    for brought in plugin_manager.call(manager, "statistics", accept=_as_statistics, run=folder, trained=run):
        for owner, tensors in brought.items():
            if owner in found:
                folder.warn(f"two hooks keep statistics as {owner!r}; semreg keeps those of the first")
            found.setdefault(owner, tensors)
    if found:
        write_statistics(folder.folder, {**read_statistics(folder.folder), **found})


def _as_statistics(value: object) -> Mapping[str, Mapping[str, Tensor]]:
    """Check a hook's result. Raises ValueError if it can't be stored."""
    found = cast(Mapping[str, Mapping[str, Tensor]], value)
    packed(found)
    return found
