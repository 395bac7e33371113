"""The settings that the phases of a run share, and the source of their steps' batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from semreg.recipe.plan import Plan
from semreg.training.processes import ALONE, Processes


@dataclass
class Setting:
    """The settings that all phases of a run share.

    `capture` lets a step be captured as a CUDA graph, if it can be; `compile` compiles its forward pass and losses.
    Both decide how fast a step is, and `compile` its last bits.
    """

    plan: Plan
    modules: dict[str, nn.Module]
    seed: int
    device: torch.device
    precision: str
    processes: Processes = ALONE
    capture: bool = True
    compile: bool = False

    @property
    def source(self) -> str:
        """The recipe's file, for messages."""
        return str(self.plan.recipe.path)

    @property
    def in_half_precision(self) -> bool:
        """Whether anything computes in float16, whose gradients vanish unless they are scaled."""
        return "fp16" in {self.precision, *(module.precision for module in self.plan.modules.values())}


class BatchSource(Protocol):
    """The batches of a step by their number, from 0; `per_epoch` of the step's executions make an epoch."""

    per_epoch: int

    def batch(self, count: int) -> dict[str, Any]:
        """Return batch number `count`, which is valid until the next call."""
