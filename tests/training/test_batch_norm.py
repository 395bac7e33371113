"""Batch norm of several processes is shared where it can be, and said to be local elsewhere."""

from __future__ import annotations

import torch
from torch import nn

from semreg.training.batch_norm import share_batch_norm
from semreg.training.processes import ALONE, Processes

CPU = torch.device("cpu")


class Own(nn.BatchNorm2d):
    """One that may do more than normalise."""


def modules() -> dict[str, nn.Module]:
    return {"encoder": nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), "decoder": nn.Linear(2, 2)}


def test_one_process_has_nothing_to_share() -> None:
    assert share_batch_norm(modules(), ALONE, CPU) == []


def test_on_the_cpu_it_is_said_to_be_local() -> None:
    table = modules()
    [remark] = share_batch_norm(table, Processes(0, 2), CPU)
    assert remark.startswith("batch norm in encoder: each of the 2 processes normalises by its own part of a batch")
    assert type(next(iter(table["encoder"].children()))) is nn.Conv2d
    assert not any(isinstance(part, nn.SyncBatchNorm) for part in table["encoder"].modules())
    del table["encoder"]
    assert share_batch_norm(table, Processes(0, 2), CPU) == []


def test_on_a_gpu_it_is_shared_but_for_classes_of_its_own() -> None:
    table = modules() | {"own": nn.Sequential(Own(2))}
    names = table["encoder"].state_dict().keys()
    [remark] = share_batch_norm(table, Processes(0, 2), torch.device("cuda"))
    assert remark.startswith("batch norm in own: ")
    assert [type(part) for part in table["encoder"].children()] == [nn.Conv2d, nn.SyncBatchNorm]
    assert table["encoder"].state_dict().keys() == names
    assert type(next(iter(table["own"].children()))) is Own
