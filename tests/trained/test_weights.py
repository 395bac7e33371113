"""Weights of another run: found, fitting, and those that the run would be opened with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.trained.run import Run

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_weights_come_from_another_run(toy: Toy, trained: Callable[..., Run], tmp_path: Path) -> None:
    first = trained(toy("", "first.toml"))
    text = 'without = ["phases.main.train.encoder"]\n[modules.encoder]\nweights = "RUN:encoder"'
    for name in (str(first.folder), first.folder.name):
        run = trained(toy(text.replace("RUN", name), "second.toml"))
        for key, value in first.modules["encoder"].state_dict().items():
            assert torch.equal(run.modules["encoder"].state_dict()[key], value)
    assert not (run.folder / "warnings.jsonl").exists(), "a loaded module is not reported as untrained"


def test_weights_of_an_averaged_module_are_its_average(toy: Toy, trained: Callable[..., Run]) -> None:
    first = trained(toy("[modules.encoder]\nema = 0.5", "first.toml"))
    text = f'without = ["phases.main.train.encoder"]\n[modules.encoder]\nweights = "{first.folder}:encoder"'
    run = trained(toy(text, "second.toml"))
    for key, value in first.modules["encoder"].state_dict().items():
        assert torch.equal(run.modules["encoder"].state_dict()[key], value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("nowhere:encoder", "names no run"),
        ("encoder", "names no run"),
        ("RUN:encodr", "holds no trained module 'encodr'"),
        ("RUN:decoder", "does not fit"),
    ],
)
def test_weights_that_are_not_there_or_do_not_fit(
    toy: Toy, trained: Callable[..., Run], weights: str, message: str
) -> None:
    folder = trained(toy("", "first.toml")).folder
    path = toy(f'[modules.encoder]\nweights = "{weights.replace("RUN", str(folder))}"', "second.toml")
    with pytest.raises(UserError) as refused:
        trained(path)
    assert refused.value.source == str(path)
    assert refused.value.problems[0].where == "modules.encoder.weights"
    assert message in refused.value.text()


def test_weights_that_are_gone_cost_their_module_alone(toy: Toy, trained: Callable[..., Run], tmp_path: Path) -> None:
    for name in ("a", "b"):
        trained(toy(f"seed = {ord(name)}", f"{name}.toml"))
    [a], [b] = ((tmp_path / "runs").glob(f"{name}-*") for name in "ab")
    modules = "".join(
        f"[modules.{name}]\nuse = 'mlp_encoder'\noutputs = 4\nhidden = [6]\nweights = '{other}:encoder'\n"
        for name, other in (("first", a), ("second", b))
    )
    tensors = "[tensors]\none = 'first(image)'\ntwo = 'second(image)'\n"
    probes = "".join(f"[evaluate.{name}]\nuse = 'linear_probe({name}, kind)'\n" for name in ("one", "two"))
    run = trained(toy(modules + tensors + probes, "third.toml"))
    shutil.rmtree(a / "checkpoints")
    opened = semreg.open_run(run.folder, device="cpu")
    expected = semreg.open_run(b, device="cpu").modules["encoder"].state_dict()
    for key, value in opened.module("second").state_dict().items():
        assert torch.equal(value, expected[key])
    with pytest.raises(UserError, match="holds no trained module 'encoder'"):
        opened.module("first")
