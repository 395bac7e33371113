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
    for brought in plugin_manager.call(manager, "statistics", accept=_as_statistics, run=folder, trained=run):
        for owner, tensors in brought.items():
            if owner in found:
                folder.warn(f"two hooks keep statistics as {owner!r}; those of the first are kept")
            found.setdefault(owner, tensors)
    if found:
        write_statistics(folder.folder, found)


def _as_statistics(value: object) -> Mapping[str, Mapping[str, Tensor]]:
    """What a hook returned. Raises ValueError if it is nothing that can be kept."""
    if not isinstance(value, Mapping):
        raise ValueError(f"it returned a {type(value).__name__}, not tensors by owner and name")
    for owner, tensors in value.items():
        named = isinstance(owner, str) and isinstance(tensors, Mapping)
        if not named or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in tensors.items()):
            raise ValueError(f"what it returned for {owner!r} is not tensors by name")
    return value
