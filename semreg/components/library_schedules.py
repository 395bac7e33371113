"""PyTorch's and timm's schedulers as schedules, with the libraries' own options.

A scheduler changes a rate of 1, step by step up to each moment that is asked for; the resulting rate is the factor.
Rates among its options, as `eta_min` or `lr_min`, are therefore shares of the recipe's. The options for a schedule's
length (`T_max`, `t_initial`) are by default the phase's length, and `one_cycle_lr` always has it. There are no options
for momenta, for noise, and for values from the training, so schedulers that depend on a loss are left out.
"""

from __future__ import annotations

import collections.abc
import inspect
import re
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, get_type_hints

import torch

OF_TORCH = {
    "constant_lr": "ConstantLR",
    "cosine_annealing_lr": "CosineAnnealingLR",
    "cosine_annealing_warm_restarts": "CosineAnnealingWarmRestarts",
    "cyclic_lr": "CyclicLR",
    "exponential_lr": "ExponentialLR",
    "linear_lr": "LinearLR",
    "multi_step_lr": "MultiStepLR",
    "one_cycle_lr": "OneCycleLR",
    "polynomial_lr": "PolynomialLR",
    "step_lr": "StepLR",
}
OF_TIMM = {
    "timm_cosine": "CosineLRScheduler",
    "timm_multistep": "MultiStepLRScheduler",
    "timm_poly": "PolyLRScheduler",
    "timm_step": "StepLRScheduler",
    "timm_tanh": "TanhLRScheduler",
    "timm_wsd": "WSDLRScheduler",
}
LENGTHS = ("T_max", "t_initial")
"""Options for a schedule's length."""
FIXED: dict[str, Callable[[int], Any]] = {
    "max_lr": lambda epochs: 1.0,
    "total_steps": lambda epochs: epochs + 1,
    "cycle_momentum": lambda epochs: False,
}
"""Arguments that are not options, from the length of the phase; the greatest rate of `cyclic_lr` is one."""
NO_OPTION = re.compile(
    r"optimizer|last_epoch|verbose|epochs|steps_per_epoch|(base|max)_momentum|scale_\w+|noise_\w+|t_in_epochs|initialize"
)


def __getattr__(name: str) -> Callable[..., float]:
    """Return the schedule of a scheduler, made on first use: timm is only imported for its own."""
    if name in OF_TORCH:
        return _adapted(name, "torch.optim.lr_scheduler", OF_TORCH[name])
    if name in OF_TIMM:
        return _adapted(name, "timm.scheduler", OF_TIMM[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _adapted(name: str, module: str, class_name: str) -> Callable[..., float]:
    """Make a schedule with the options of a scheduler. Raises AttributeError if the installed library has none of that
    name."""
    scheduler = getattr(import_module(module), class_name)
    own = inspect.signature(scheduler).parameters
    fixed = {key: of for key, of in FIXED.items() if key in own and not (key == "max_lr" and "base_lr" in own)}
    kept = [p for key, p in own.items() if key not in fixed and not NO_OPTION.fullmatch(key)]

    def schedule(epoch: float, epochs: int, **options: Any) -> float:
        lengths = {key: epochs for key in LENGTHS if key in own and options.get(key) is None}
        given = options | lengths | {key: of(epochs) for key, of in fixed.items()}
        return _factor(scheduler, epoch, given)

    _describe(schedule, name, f"{module}.{class_name}", scheduler, kept)
    globals()[name] = schedule
    return schedule


def _factor(scheduler: Any, epoch: float, options: dict[str, Any]) -> float:
    optimizer = torch.optim.SGD([torch.zeros((), device="cpu")], lr=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library expects to reach a moment step by step
        scheduler(optimizer, **options).step(epoch)
    return float(optimizer.param_groups[0]["lr"])


def _describe(schedule: Any, name: str, target: str, scheduler: Any, options: list[inspect.Parameter]) -> None:
    """Set a schedule's name, the signature for checks of recipes, and documentation."""

    def stub() -> None: ...

    by_keyword = inspect.Parameter.KEYWORD_ONLY
    stub.__annotations__ = {one.name: one.annotation for one in options}
    known = {**vars(collections.abc), **vars(sys.modules[scheduler.__module__])}
    types = get_type_hints(stub, globalns=known, include_extras=True)
    types |= {one.name: int | None for one in options if one.name in LENGTHS}
    parameters = [
        inspect.Parameter(one.name, by_keyword, default=None if one.name in LENGTHS else one.default,
                          annotation=types[one.name])
        for one in options
    ]  # fmt: skip
    own = list(inspect.signature(schedule).parameters.values())[:2]
    schedule.__signature__ = inspect.Signature([*own, *parameters], return_annotation=float)
    schedule.__annotations__ = {"epoch": float, "epochs": int, **types, "return": float}
    schedule.__name__ = schedule.__qualname__ = name
    first = " ".join((inspect.getdoc(scheduler) or "").partition("\n\n")[0].split())
    lengths = [one.name for one in options if one.name in LENGTHS]
    said = f"\n\n{lengths[0]} is the phase's length if it is left out." if lengths else ""
    schedule.__doc__ = f"The schedule `{target}`, for a rate of 1. {first}{said}"
