"""What a run keeps of its training data for its use: of interpolators that are fitted, and of what plugins ask for."""

from __future__ import annotations

from collections.abc import Mapping

import pluggy
from torch import Tensor

from semreg.core import plugin_manager
from semreg.store.folder import RunFolder
from semreg.store.statistics import write_statistics
from semreg.trained.run import Run
from semreg.trained.statistics import fitted_interpolators


def keep_statistics(run: Run, folder: RunFolder, manager: pluggy.PluginManager) -> None:
    """Collect them and write them into the run's folder. Raises CannotWrite."""
    folder.status("running", phase="statistics")
    found = dict(fitted_interpolators(run))
    for brought in plugin_manager.call(manager, "statistics", run=folder, trained=run):
        if not _are_statistics(brought):
            folder.warn(f"a hook gave {type(brought).__name__} where statistics wants tensors by owner and name")
            continue
        for owner, tensors in brought.items():
            if owner in found:
                folder.warn(f"two hooks keep statistics as {owner!r}; those of the first are kept")
            found.setdefault(owner, tensors)
    if found:
        write_statistics(folder.folder, found)


def _are_statistics(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(owner, str)
        and isinstance(tensors, Mapping)
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in tensors.items())
        for owner, tensors in value.items()
    )
