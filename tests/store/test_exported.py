"""Weights in an exported run's folder: what was written is read again."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from semreg.core import UserError
from semreg.store.checkpoint import read_state
from semreg.store.exported import packed_weights, read_exported
from semreg.store.layout import MODEL


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


@pytest.mark.parametrize("half", [False, True])
def test_weights_come_back(tmp_path: Path, half: bool) -> None:
    tied = nn.ModuleList([first := nn.Linear(2, 3), nn.Linear(2, 3)])
    tied[1].weight = first.weight
    modules = {"encoder": module(), "encoder_u": module(), "tied": tied, "prior": nn.Module()}
    (tmp_path / MODEL).write_bytes(packed_weights(modules, half=half))
    state = read_state(tmp_path, {})
    assert state is not None
    assert state["phase"] == math.inf
    assert state["modules"].keys() == {"encoder", "encoder_u", "tied"}, "a module without weights has none"
    for name, weights in state["modules"].items():
        expected = modules[name].state_dict()
        assert weights.keys() == expected.keys()
        for key, weight in weights.items():
            rounded = half and expected[key].ndim > 1
            assert weight.dtype == (torch.float16 if rounded else expected[key].dtype)
            assert torch.equal(weight, expected[key].to(weight.dtype))


def test_none_and_damage(tmp_path: Path) -> None:
    assert read_exported(tmp_path) is None
    (tmp_path / MODEL).write_bytes(packed_weights({"encoder": module()}, half=False)[:-5])
    with pytest.raises(UserError, match="cannot be read"):
        read_exported(tmp_path)
