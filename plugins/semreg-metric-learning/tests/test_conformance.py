"""Every loss of the library that recipes can have, through the kit; skipped where the library is not installed."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from semreg.testing import check_criterion, check_loss
from tests.conforming import normal

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
from semreg_metric_learning import losses
from semreg_metric_learning.names import ENTRIES
from semreg_metric_learning.parts import REFUSED

CODES = normal(8, 4)
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
OPTIONS: dict[str, dict[str, Any]] = {
    "cross_batch_memory": {"loss": "contrastive", "memory_size": 16},
    "margin": {"learn_beta": True},
    "ranked_list": {"margin": 0.4, "Tn": 1.0},
    "self_supervised": {"loss": "nt_xent"},
}
ALL = frozenset({
    "waits",  # the library chooses pairs by their places, whose number a GPU would have to tell
    "precision",  # one decorator sees to it for all, and what is cubic in the batch takes minutes
})  # fmt: skip
EXEMPT = {
    "circle": {"gradient"},  # its weights are detached, as the paper has it
    "cross_batch_memory": {"gradient"},  # the memory's copies of a batch's own codes are detached
    "instance": {"order"},  # it takes the number of a class in the batch for the place of a row
    "n_pairs": {"order"},  # it takes the first pair of each class
    "p2s_grad": {
        "degenerate",  # a code of zeros has no direction, and becomes NaN
        "parameters",  # it normalises its weights in place, of which no gradient knows
        "evaluation",  # ... and their last bits in eval mode, too
    },
    "vicreg": {"degenerate"},  # one code has no variance, which becomes NaN
}
"""What can't hold, by names, with the reason."""


def options_of(name: str) -> dict[str, Any]:
    parameters = inspect.signature(getattr(losses, ENTRIES[name].library)).parameters
    needed = "num_classes" in parameters and parameters["num_classes"].default is inspect.Parameter.empty
    return OPTIONS.get(name, {}) | ({"num_classes": 3} if needed else {})


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.library not in REFUSED])
def test_it_conforms(name: str) -> None:
    entry = ENTRIES[name]
    second = LABELS if entry.takes == "codes, labels" else CODES.flip(0) + 0.1
    check = check_criterion if entry.owns else check_loss
    check(getattr(losses, entry.library), CODES, second, options=options_of(name), exempt=ALL | EXEMPT.get(name, set()))
