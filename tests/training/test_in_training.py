"""Looking at a run in training: what is shown, and that nothing of it changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from semreg.core import UserError
from semreg.recipe.plan import Plan
from semreg.trained.opening import open_data
from semreg.training.build import build_modules
from semreg.training.in_training import InTraining, held_out, require_pictures
from tests.running.faults import Dropping
from tests.training.conftest import plan_of

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

CPU = torch.device("cpu")


class Restless(nn.Module):
    """Changes whatever it can, in eval mode too."""

    def __init__(self, *, outputs: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(16, outputs), nn.BatchNorm1d(outputs))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        self.net[2].train(not self.net[2].training)
        noise = random.random() + float(np.random.rand()) + torch.rand(())
        return functional.dropout(self.net(image), 0.5) + noise


RESTLESS = """
[modules.encoder]
use = "restless"
outputs = 4
[tensors]
drawn = "decoder(draw_like(prior, image))"
"""


@pytest.fixture
def restless(toy: Toy, register: Register) -> Plan:
    register("encoder", "restless", Restless)
    return plan_of(toy(RESTLESS))


def shown(plan: Plan, modules: dict[str, nn.Module]) -> InTraining:
    data = open_data(plan)
    return InTraining(plan, modules, held_out(data, plan.value_range, CPU), 0, CPU)


def state_of(modules: dict[str, nn.Module]) -> tuple[Any, ...]:
    """All that looking must not change."""
    values = {
        f"{name}.{key}": value.clone() for name, module in modules.items() for key, value in module.state_dict().items()
    }
    modes = [part.training for module in modules.values() for part in module.modules()]
    gradients = [p.grad is None for module in modules.values() for p in module.parameters()]
    draws = (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]
    return values, modes, gradients, draws, torch.is_grad_enabled()


def test_looking_changes_nothing_and_gives_the_same_each_time(restless: Plan) -> None:
    modules = build_modules(restless, seed=0)
    modules["encoder"].train()
    modules["encoder"].net[2].eval()  # as one that keeps a part of it frozen
    modules["decoder"].eval()
    torch.manual_seed(3)
    values, *before = state_of(modules)
    run = shown(restless, modules)
    first = {name: run.tensor(name) for name in ("reconstruction", "drawn", "image")}
    torch.rand(7)  # whatever was drawn meanwhile
    torch.manual_seed(3)
    again = shown(restless, modules)
    random_before = random.getstate()
    for name in ("image", "drawn"):
        assert torch.equal(first[name], again.tensor(name))
    after, *rest = state_of(modules)
    assert rest == before
    assert random.getstate() == random_before
    assert all(torch.equal(value, after[key]) for key, value in values.items())
    assert not any(value.requires_grad for value in first.values())
    assert not torch.equal(first["drawn"][0], first["drawn"][1])


def test_dropout_that_is_always_on_draws_the_same_each_time(toy: Toy, register: Register) -> None:
    register("operation", "dropped", lambda x: functional.dropout(x, 0.5))
    plan = plan_of(toy('[tensors]\nodd = "dropped(image)"'))
    run = shown(plan, build_modules(plan, seed=0))
    first = run.tensor("odd")
    torch.rand(7)
    assert torch.equal(first, run.tensor("odd"))
    assert (first == 0).any()


def test_modules_are_in_eval_mode_meanwhile(toy: Toy, register: Register) -> None:
    register("encoder", "dropping", Dropping)
    plan = plan_of(toy("[modules.encoder]\nuse = 'dropping'\noutputs = 4"))
    modules = build_modules(plan, seed=0)
    modules["encoder"].train()
    found = shown(plan, modules).tensor("reconstruction")
    assert modules["encoder"].training
    modules["encoder"].eval()
    with torch.no_grad():
        mean, _ = modules["encoder"](shown(plan, modules).tensor("image")).chunk(2, dim=1)
        torch.testing.assert_close(found, modules["decoder"](mean))


def test_modules_are_seen_as_they_are(toy: Toy) -> None:
    plan = plan_of(toy())
    modules = build_modules(plan, seed=0)
    run = shown(plan, modules)
    assert dict(run.modules) == modules
    before = run.tensor("reconstruction")
    with torch.no_grad():
        for parameter in run.modules["decoder"].parameters():
            parameter.add_(0.1)
    assert not torch.equal(before, run.tensor("reconstruction"))
    with pytest.raises(TypeError):
        run.modules["decoder"] = nn.Identity()  # type: ignore[index]


def test_what_is_shown_shares_no_memory_with_what_trains(toy: Toy, register: Register) -> None:
    register("operation", "weights", lambda image, module: module.layers[0].weight)
    plan = plan_of(toy('[tensors]\nown = "weights(image, decoder)"'))
    modules = build_modules(plan, seed=0)
    before = state_of(modules)[0]
    shown(plan, modules).tensor("own").zero_()
    assert all(torch.equal(value, before[key]) for key, value in state_of(modules)[0].items())


def test_images_are_held_out_and_evenly_spaced(toy: Toy) -> None:
    plan = plan_of(toy())
    data = open_data(plan)
    assert set(data.split.tolist()) == {0, 2}
    with_validation = data.split.clone()
    with_validation[data.rows("train")[::4]] = 1
    for places, split in ((with_validation, "validation"), (data.split, "test"), (data.split * 0, "train")):
        kept = replace(data, split=places)
        rows = kept.rows(split)
        images = held_out(kept, (0.0, 1.0), CPU)
        assert torch.equal(images({"kind"}, 2)["kind"], data.arrays["kind"][rows[[0, len(rows) // 2]]])
        assert len(images({"kind"}, 1000)["kind"]) == len(rows)


def test_there_must_be_such_a_tensor_and_an_image(toy: Toy) -> None:
    plan = plan_of(toy())
    run = shown(plan, build_modules(plan, seed=0))
    with pytest.raises(UserError, match="there is no tensor 'reconstructoin'; did you mean 'reconstruction'"):
        run.tensor("reconstructoin")
    with pytest.raises(UserError, match="needs at least 1 image"):
        run.tensor("z", count=0)
    assert run.tensor("z", count=3).shape == (3, 2)
    assert type(run.tensor("posterior")).__name__ == "DiagonalGaussian"


def test_pictures_are_images(toy: Toy) -> None:
    plan = plan_of(toy(), "watch.tensors=['image', 'z', 'reconstruction']")
    with pytest.raises(UserError) as refused:
        require_pictures(shown(plan, build_modules(plan, seed=0)))
    [problem] = refused.value.problems
    assert (problem.where, problem.message[:25]) == ("watch.tensors.1", "'z' is float32 (8, 2); pi")
    plan = plan_of(toy(), "watch.tensors=['image', 'reconstruction']")
    require_pictures(shown(plan, build_modules(plan, seed=0)))
