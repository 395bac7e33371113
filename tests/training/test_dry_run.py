"""What is fake_tensors takes no memory; what is computed is stopped before it takes too much."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from semreg.core import UserError
from semreg.store.disk import memory
from semreg.training import dry_run, trial
from semreg.training.build import build_modules
from semreg.training.dry_run import Meter, fake_tensors, needs_numbers
from semreg.training.trial import check_by_dry_run, leads_to
from tests.training.conftest import plan_of

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def test_what_is_imagined_has_shapes_gradients_and_no_numbers() -> None:
    with fake_tensors():
        net = nn.Sequential(nn.Linear(10**5, 10**6), nn.ReLU(), nn.Linear(10**6, 3))
        loss = net(torch.rand(4, 10**5)).sum()
        assert leads_to(loss, list(net.parameters()))
        with pytest.raises(RuntimeError) as refused:
            loss.item()
    assert needs_numbers(refused.value)
    with fake_tensors(), pytest.raises(RuntimeError) as unfit:
        torch.rand(4, 5) @ torch.rand(4, 5)
    assert not needs_numbers(unfit.value)
    assert torch.rand(2).sum().item() > 0, "all is as before"


def test_a_process_forks_after_it_imagined() -> None:
    with fake_tensors():
        torch.rand(3)
    weight = torch.ones(1, requires_grad=True)
    weight.sum().backward()
    child = os.fork()
    if child == 0:
        try:
            weight.sum().backward()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    "compute",
    [
        lambda: torch.zeros(10**6, 10**6),
        lambda: torch.empty(10**12),
        lambda: torch.randn(10**12),
        lambda: torch.arange(10**12),
        lambda: torch.eye(10**6),
        lambda: nn.Linear(10**6, 10**6),
        lambda: torch.ones(3).new_ones(10**12),
    ],
    ids=["zeros", "empty", "randn", "arange", "eye", "linear", "new"],
)
def test_a_meter_stops_before_memory_is_taken(compute: Callable[[], Any]) -> None:
    meter = Meter(numbers=10**6)
    with pytest.raises(RuntimeError, match="too much"), meter:
        compute()
    assert meter.exceeded


@pytest.mark.parametrize(
    "compute",
    [
        lambda: torch.ones(1000, 1000) @ torch.ones(1000, 1000),
        lambda: nn.functional.conv2d(torch.ones(1, 64, 64, 64), torch.ones(64, 64, 3, 3)),
        lambda: nn.functional.linear(torch.ones(1000, 1000), torch.ones(1000, 1000), torch.ones(1000)),
    ],
    ids=["product", "convolution", "linear"],
)
def test_a_meter_counts_products_before_they_are_taken(compute: Callable[[], Any]) -> None:
    with Meter(work=2 * 10**9):
        compute()
    meter = Meter(work=10**8)
    with pytest.raises(RuntimeError), meter:
        compute()
    assert meter.exceeded


def test_a_meter_counts_calls_and_changes_no_number() -> None:
    torch.manual_seed(3)
    with Meter(operations=1000):
        metered = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 6))
    torch.manual_seed(3)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 6))
    assert all(torch.equal(a, b) for a, b in zip(metered.parameters(), plain.parameters(), strict=True))
    with pytest.raises(RuntimeError), Meter(operations=10):
        nn.Sequential(*(nn.Linear(2, 2) for _ in range(10)))


def test_nets_beyond_the_memory_are_refused_before_they_are_built(toy: Toy) -> None:
    plan = plan_of(toy(), "modules.decoder.hidden=[10_000_000, 10_000_000]")
    for build in (check_by_dry_run, lambda plan: build_modules(plan, seed=0)):
        with pytest.raises(UserError) as refused:
            build(plan)
        [problem] = refused.value.problems
        assert problem.where == "modules.decoder"
        assert f"more than the {memory() >> 30} GiB of memory here" in problem.message


def test_without_private_parts_of_pytorch_tensors_of_no_numbers_are_of_the_device_meta(
    toy: Toy, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "_internals", lambda: None)
    with fake_tensors():
        assert nn.Linear(3, 2)(torch.zeros(4, 3)).device.type == "meta"
    with monkeypatch.context() as patch:
        patch.setattr(trial, "MOST_WORK", None)  # nothing is computed
        assert check_by_dry_run(plan_of(toy())) == []
    with pytest.raises(UserError, match="expects"):
        check_by_dry_run(plan_of(toy("[modules.decoder]\nsize = 3")))
    register("loss", "looking", lambda a: a.sum() * float(a.detach().abs().sum()))
    assert check_by_dry_run(plan_of(toy('[losses.rec]\nuse = "looking(reconstruction)"'))) == []
