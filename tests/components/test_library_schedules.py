"""The courses of PyTorch's and timm's schedulers, against the schedulers as a loop of one's own would step them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm.scheduler
import torch

from semreg.components import library_schedules
from semreg.components.library_schedules import OF_TIMM, OF_TORCH
from semreg.core import UserError
from semreg.core.registry import components
from tests.training.bench import Bench

EPOCHS = 7
NEEDED: dict[str, dict[str, Any]] = {
    "cosine_annealing_warm_restarts": {"T_0": 2},
    "cyclic_lr": {"base_lr": 0.1, "max_lr": 0.8, "step_size_up": 2, "step_size_down": 1},
    "exponential_lr": {"gamma": 0.9},
    "multi_step_lr": {"milestones": [2, 5]},
    "step_lr": {"step_size": 3},
    "timm_multistep": {"decay_t": [2, 5], "decay_rate": 0.1},
    "timm_step": {"decay_t": 3, "decay_rate": 0.5, "warmup_t": 2},
    "timm_cosine": {"warmup_t": 2, "lr_min": 0.1},
    "timm_wsd": {"decay_t": 3},
}
BY_HAND: dict[str, dict[str, Any]] = {
    "cosine_annealing_lr": {"T_max": EPOCHS},
    "cyclic_lr": {"cycle_momentum": False},
    "one_cycle_lr": {"max_lr": 1.0, "total_steps": EPOCHS + 1},
    **{name: {"t_initial": EPOCHS} for name in ("timm_cosine", "timm_poly", "timm_tanh", "timm_wsd")},
}
"""What the schedules fill in, as one would write it."""

Toy = Callable[..., Path]


def made(name: str) -> Any:
    rated = torch.optim.SGD([torch.zeros(())], lr=1.0)
    options = {**NEEDED.get(name, {}), **BY_HAND.get(name, {})}
    module, class_name = (
        (torch.optim.lr_scheduler, OF_TORCH[name]) if name in OF_TORCH else (timm.scheduler, OF_TIMM[name])
    )
    return rated, getattr(module, class_name)(rated, **options)


@pytest.mark.parametrize("name", OF_TORCH)
def test_it_is_pytorchs_course_stepped_epoch_by_epoch(name: str) -> None:
    rated, scheduler = made(name)
    schedule = getattr(library_schedules, name)
    for epoch in range(EPOCHS):
        assert schedule(epoch, EPOCHS, **NEEDED.get(name, {})) == pytest.approx(rated.param_groups[0]["lr"], abs=1e-9)
        rated.step()
        scheduler.step()


@pytest.mark.parametrize("name", OF_TIMM)
def test_it_is_timms_course_stepped_epoch_by_epoch(name: str) -> None:
    rated, scheduler = made(name)
    schedule = getattr(library_schedules, name)
    for epoch in range(EPOCHS):
        scheduler.step(epoch)
        assert schedule(epoch, EPOCHS, **NEEDED.get(name, {})) == pytest.approx(rated.param_groups[0]["lr"], abs=1e-9)


def test_all_are_registered_and_no_scheduler_that_needs_no_more_is_left_out() -> None:
    here = {one.name for one in components("schedule") if one.target.startswith(library_schedules.__name__)}
    assert here == {*OF_TORCH, *OF_TIMM}
    theirs = {name for name in dir(timm.scheduler) if name.endswith("LRScheduler")}
    assert theirs - set(OF_TIMM.values()) == {"PlateauLRScheduler"}
    of_functions = {"LambdaLR", "MultiplicativeLR", "SequentialLR", "ChainedScheduler", "ReduceLROnPlateau"}
    public = {name for name in torch.optim.lr_scheduler.__all__ if name != "LRScheduler"}
    assert public - set(OF_TORCH.values()) <= of_functions


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('use = "one_cycle_lr", max_lr = 2.0', "one_cycle_lr .* has no option 'max_lr'"),
        ('use = "exponential_lr"', "exponential_lr .* needs the option 'gamma'"),
        ('use = "timm_cosine", warmup_t = "2"', "valid integer"),
        ('use = "one_cycle_lr", pct_start = 1.5', r"between 0 and 1 pct_start, but got 1\.5 \(one_cycle_lr"),
        ('use = "linear_lr", start_factor = -1.0', "start|[Ss]tarting"),
    ],
)
def test_options_that_do_not_fit_are_told_at_their_key(table: str, said: str, toy: Toy) -> None:
    with pytest.raises(UserError, match=said):
        Bench(toy(f"[optimizer]\nschedule = {{ {table} }}"))


def test_a_rate_follows_it(toy: Toy) -> None:
    bench = Bench(toy('[optimizer]\nuse = "sgd"\nlr = 2.0\nschedule = { use = "exponential_lr", gamma = 0.25 }'))
    bench.runner.iterate(3)  # three iterations are an epoch
    assert bench.optimizer("encoder").optimizer.param_groups[0]["lr"] == pytest.approx(0.5)


def test_what_is_none_of_them_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'plateau'"):
        library_schedules.__getattr__("plateau")
