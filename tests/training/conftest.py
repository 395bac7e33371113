"""Plans, and a recipe of all that a checkpoint must hold, trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import semreg
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.store.checkpoint import read_latest
from semreg.trained.run import Run
from semreg.training import trainer
from tests.running.faults import Dropping

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

# All that a checkpoint must hold: phases, steps, dropout, batch norm, draws, averages, schedules, validation, a
# criterion; and what follows from the count of iterations: several batches an update, a weight with a course.
EVERYTHING = """
order = ["main", "later"]

[modules.encoder]
use = "dropping"
outputs = 4
ema = 0.9
[modules.decoder.optimizer]
use = "lbfgs"
lr = 0.1
max_iter = 2
[modules.probe]
use = "mlp_encoder"
outputs = 3
hidden = []
[modules.centers]
use = "centers"
classes = 3

[tensors]
features = "posterior_mean(posterior)"

[losses.fit]
use = "cross_entropy(probe(features), kind)"
[losses.near]
use = "centers(features, kind)"
[losses.worse]
use = "negated(l2(reconstruction, image))"

[optimizer]
schedule = { use = "cosine" }

[phases.main]
epochs = 8
validate = { loss = "worse", keep = "best", patience = 9 }  # the best is the first
[phases.main.steps.inner]
repeat = 2
train = { encoder = { kl = 1 } }
[phases.main.steps.joint]
accumulate = 2
[phases.main.steps.joint.train]
encoder = { rec = { weight = 1, use = "cosine", floor = 0.5 }, near = 0.1 }
decoder = { rec = 1 }
centers = { near = 1 }

[phases.later]
epochs = 2
precompute = ["features"]
data.batch_size = 16
optimizer = { use = "sgd", lr = 0.1, momentum = 0.9 }
train = { probe = { fit = 1 } }
"""


class Centers(nn.Module):
    """A criterion that counts its calls."""

    count: Tensor

    def __init__(self, *, input_shapes: list[tuple[int, ...]], classes: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(classes, *input_shapes[0]))
        self.register_buffer("count", torch.ones(()))

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        if self.training:
            self.count.add_(1)
        return (codes - self.centers[labels]).square().mean() / self.count


def negated(x: Tensor) -> Tensor:
    return -x


@pytest.fixture
def everything(toy: Toy, register: Register, tmp_path: Path) -> Path:
    """That recipe's file."""
    register("encoder", "dropping", Dropping)
    register("criterion", "centers", Centers)
    register("operation", "negated", negated)
    path = toy(EVERYTHING)
    base = (tmp_path / "base.toml").read_text()
    (tmp_path / "base.toml").write_text(base.partition("[phases.main.train]")[0])
    return path


def trained(path: Path, out: Path, **choices: Any) -> Run:
    """A recipe, trained into a folder of runs."""
    return semreg.run(path, out=out, device="cpu", **choices)


def final_state(run: Run) -> dict[str, Any]:
    """The last checkpoint of a run, whole."""
    state, notes = read_latest(run.folder / "checkpoints")
    assert state is not None
    assert notes == []
    return state


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Tables in tables as one, by paths."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{path}/{key}").items()}
    return {path: value}


def assert_same_bits(a: Run, b: Run) -> None:
    """Two runs have the same weights, the same state of their phase and the same log."""
    first, second = (
        flat({key: value for key, value in final_state(run).items() if key in ("modules", "averages", "phase")})
        for run in (a, b)
    )
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]) if isinstance(value, Tensor) else value == second[key], key
    assert metrics(a.folder) == metrics(b.folder)


def metrics(folder: Path) -> list[dict[str, Any]]:
    """What a run logged, but for its timings."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in trainer.TIMINGS} for line in lines]


def state_of(folder: Path) -> str:
    """What a run's folder says of how far it is."""
    state: str = json.loads((folder / "status.json").read_text())["state"]
    return state


def plan_of(path: Path, *overrides: str) -> Plan:
    """A recipe with these changes, checked."""
    return check(load_recipe(path, overrides))
