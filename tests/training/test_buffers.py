"""Buffers of modules are put back."""

from __future__ import annotations

import torch
from torch import nn

from semreg.training.buffers import buffers_kept


def test_buffers_are_put_back_and_parameters_stay_as_they_are() -> None:
    module = nn.BatchNorm1d(3).train()
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with buffers_kept([module]):
        module(torch.randn(5, 3))
        module.weight.data.fill_(2.0)
        assert not torch.equal(module.running_mean, before["running_mean"])  # type: ignore[arg-type]
    assert all(torch.equal(buffer, before[name]) for name, buffer in module.named_buffers())
    assert torch.equal(module.weight, torch.full((3,), 2.0))
