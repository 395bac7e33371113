"""A small run that has everything a run can have, and what two runs of it must agree in, for tests that break it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import catalogue
import click.testing
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import semreg
from semreg.cli.main import app
from semreg.core import Result, registry
from semreg.core.kinds import KINDS
from semreg.pictures import image_grid
from semreg.store.checkpoint import KEPT, read_checkpoint, read_latest
from semreg.trained.run import Run
from semreg.training import trainer
from tests.conftest import TOY_RECIPE, ToyData

RECIPE = """
extends = "base.toml"
order = ["main", "later"]

[modules.encoder]
use = "dropping"
outputs = 4
ema = 0.9
[modules.probe]
use = "mlp_encoder"
outputs = 3
hidden = []
[modules.spare]
use = "standard_normal"
size = 2

[tensors]
features = "posterior_mean(posterior)"

[losses.fit]
use = "cross_entropy(probe(features), kind)"

[phases.main]
epochs = 2
data.batch_size = 16
validate = { loss = "rec", keep = "best" }

[phases.later]
epochs = 1
precompute = ["features"]
data.batch_size = 16
train = { probe = { fit = 1 } }

[evaluate.pictured]
use = "pictured(z)"
[evaluate.judged]
use = "judged(image)"
judge = "judge.toml"
"""

JUDGE = """
extends = "base.toml"
without = ["phases.main", "model"]
[data]
batch_size = 24
[modules.judge]
use = "mlp_encoder"
outputs = 3
hidden = []
[tensors]
told = "softmax(judge(image))"
[losses.label]
use = "cross_entropy(judge(image), kind)"
[phases.label]
epochs = 1
train = { judge = { label = 1 } }
"""

INCIDENTAL = {*trainer.TIMINGS, "updated", "started", "command", "code"}


class Dropping(nn.Module):
    """Drops out and keeps running statistics."""

    def __init__(self, *, outputs: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(16, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, outputs)
        )

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.layers(image)
        return result


def pictured(code: Any, *, generator: torch.Generator) -> Result:
    draw = float(torch.rand((), generator=generator))
    picture = image_grid("Noise", [[torch.zeros(1, 4, 4)]], value_range=(0.0, 1.0))
    return Result(figures={"mean": draw * float(code.read("test").mean())}, pictures=[picture], summary="pictured")


def judged(image: Any, *, judge: Run) -> Result:
    return Result(figures={"seen": float(judge.tensor("told").given(image=image.read("test")).std())})


COMPONENTS: list[tuple[str, str, Callable[..., Any]]] = [
    ("dataset", "toy", ToyData),
    ("encoder", "dropping", Dropping),
    ("evaluation", "pictured", pictured),
    ("evaluation", "judged", judged),
]


class Laboratory:
    """Runs the recipe below a folder: its cache in `cache`, its run and its judge's in `runs`."""

    def __init__(self, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recipe, self.monkeypatch = recipe, monkeypatch

    def run(self, folder: Path) -> None:
        with self._settings(folder):
            semreg.run(self.recipe, out=folder / "runs", device="cpu")

    def command(self, folder: Path) -> click.testing.Result:
        """As `semreg run` does it."""
        with self._settings(folder):
            return CliRunner().invoke(app, ["run", str(self.recipe), "--out", str(folder / "runs"), "--device", "cpu"])

    def evaluate(self, folder: Path, run: Path) -> None:
        with self._settings(folder):
            semreg.evaluate(run, ["pictured"], device="cpu")

    @contextmanager
    def _settings(self, folder: Path) -> Iterator[None]:
        with self.monkeypatch.context() as patch:
            patch.setenv("SEMREG_CACHE", str(folder / "cache"))
            patch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
            patch.setattr(trainer, "SHARE_OF_CHECKPOINTS", float("inf"))  # a checkpoint after every iteration
            patch.setattr(trainer, "RECORDS_PER_EPOCH", 1)
            yield


@contextmanager
def laboratory(folder: Path) -> Iterator[Laboratory]:
    for kind, name, value in COMPONENTS:
        registry.register(kind, name, value)
    for file, text in {"base.toml": TOY_RECIPE, "judge.toml": JUDGE, "recipe.toml": RECIPE}.items():
        (folder / file).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        yield Laboratory(folder / "recipe.toml", patch)
    for kind, name, _ in COMPONENTS:
        catalogue.REGISTRY.pop((*KINDS[kind].group.split("."), name), None)  # a laboratory within has done it


def outcome(folder: Path) -> dict[str, Any]:
    """All that runs, their judges and tables of them left below a folder but times: equal if they ended with the same
    bits."""
    found: dict[str, Any] = {"files": [], "warnings": {}}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        assert path.suffix not in (".part", ".partial"), f"{name} was left behind"
        if path.parent.name in ("checkpoints", "continuation"):
            assert re.fullmatch("[0-9]{8}", path.name), name
        elif path.name.endswith(".lease"):  # of who was killed when a cache, or a run, was whole: nobody opens it again
            assert path.parent.name == "cache" or (path.parent / "report.html").exists(), name
        elif path.is_file() and path.parent.parent.name not in ("checkpoints", "continuation"):
            found["files"].append(name)
            if path.name == "metrics.jsonl":
                found[name] = [_untimed(json.loads(line)) for line in path.read_text().splitlines()]
            elif path.name == "warnings.jsonl":
                found["warnings"][name] = set(path.read_text().splitlines())
            elif path.name in ("status.json", "run.json", "cache.json"):
                found[name] = _untimed(json.loads(path.read_text()))
            elif path.name == "recipes.json":
                found[name] = {key: _untimed(entry) for key, entry in json.loads(path.read_text()).items()}
            elif path.name == "table.json":
                found[name] = table_data(path)
            elif path.name == "report.html":
                assert "has not finished" not in path.read_text()
            elif path.suffix not in (".html", ".md"):
                found[name] = path.read_bytes()
    for run in (record.parent for record in folder.glob("runs/*/run.json")):
        state, notes = read_latest(run / "checkpoints")
        assert state is not None
        assert notes == []
        assert len(list((run / "checkpoints").iterdir())) <= KEPT + 1  # one more if killed before the third was removed
        found[run.name] = {"phase": state["phase"], **_flat({k: state[k] for k in ("modules", "averages")})}
        end = read_checkpoint(run / "continuation" / "00000001")
        found[f"end of {run.name}"] = _flat({k: end[k] for k in ("modules", "averages")})
    return found


def table_data(path: Path) -> dict[str, Any]:
    """What a table's file says to machines, but for times."""
    data = _untimed(json.loads(path.read_text()))
    for row in data["rows"]:
        for run in row["runs"]:
            del run["facts"]["seconds"]
    return data


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{path}/{key}").items()}
    return {path: (value.dtype, value.shape, value.numpy().tobytes())}


def _untimed(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in INCIDENTAL}
