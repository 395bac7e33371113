"""Batch norm if several processes each have a part of the batch."""

from __future__ import annotations

import torch
from torch import nn

from semreg.training.processes import Processes

_PLAIN = {nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d}
"""Classes that can normalise by the whole batch; their subclasses, such as timm's, may do more than normalise."""


def share_batch_norm(modules: dict[str, nn.Module], processes: Processes, device: torch.device) -> list[str]:
    """Let batch norm normalise by the batches of all processes, on a GPU. Return a warning if that is impossible.

    The function replaces modules with batch norm in the table, with the same parameters and names.
    """
    local = []
    for name, module in modules.items() if processes.count > 1 else ():
        kinds = {type(part) for part in module.modules() if isinstance(part, tuple(_PLAIN))}
        if kinds <= _PLAIN and device.type == "cuda":
            modules[name] = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        elif kinds:
            local.append(name)
    if not local:
        return []
    cause = f"each of the {processes.count} processes normalises by its own part of a batch"
    return [f"batch norm in {', '.join(local)}: {cause}, which trains another model than one process does"]
