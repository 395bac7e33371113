"""A trained run, opened from its folder; its data are read when something asks for them."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semreg.core import DataMissing, Problem, UserError, closest
from semreg.data.cache import cached
from semreg.data.dataset import Cached
from semreg.data.splitting import split_as, with_validation
from semreg.recipe.check import check
from semreg.recipe.load import Recipe
from semreg.recipe.plan import Plan
from semreg.store.checkpoint import read_latest
from semreg.store.fields import restored
from semreg.store.folder import RunFolder
from semreg.store.layout import CHECKPOINTS, RECIPE, RECORD
from semreg.store.reading import as_written
from semreg.trained.run import Run
from semreg.training.build import build_modules

VALIDATION_SHARE = 0.1


def open_run(folder: str | Path, *, data_root: str | Path = "data", device: str = "auto") -> Run:
    """A run from its folder, as far as it is trained. Raises UserError if it is none, or has no whole checkpoint."""
    return _opened(Path(folder), Path(data_root), device)[0]


def open_trained(folder: str | Path, *, data_root: str | Path = "data", device: str = "auto") -> Run:
    """A run that is trained to its end, from its folder. Raises UserError if it is none."""
    run, trained = _opened(Path(folder), Path(data_root), device)
    if not trained:
        raise UserError(str(run.folder), "this run is not trained to its end; `semreg run` with its recipe goes on")
    return run


def _opened(path: Path, data_root: Path, device: str) -> tuple[Run, bool]:
    """A run, and whether it is trained to its end."""
    files = RunFolder(path, path.name)
    record, table = files.read_json(RECORD), files.read_json(RECIPE)
    if record is None or table is None:
        beside = (other.parent.name for other in path.parent.glob(f"*/{RECORD}"))
        near = closest(path.name, beside) or "; `semreg runs` lists those there are"
        raise UserError(str(path), f"this is not the folder of a run (it has no {RECORD}){near}")
    state, _ = read_latest(path / CHECKPOINTS)
    if state is None:
        raise UserError(str(path), "this run has no whole checkpoint yet")
    chosen = device_of(device)
    with as_written(path):
        fields = restored(record["data"]["fields"])
        plan = check(Recipe(Path(record["recipe"]), table), data_root=data_root, trained_on=fields)
        plan = replace(plan, fallback=record["used_fallback"])
        modules = build_modules(plan, seed=record["seed"])
        for name, weights in state["modules"].items():
            modules[name].load_state_dict(weights)
            modules[name].to(chosen).eval().requires_grad_(False)
        modules = averaged(modules, state["averages"])
        read = partial(_data_of, path, plan, record["data"]["fingerprint"], record.get("skip_bad_images", False))
        return Run(path, plan, modules, read, chosen, record["seed"]), state["phase"] >= len(plan.phases)


def _data_of(path: Path, plan: Plan, fingerprint: str, skip_bad_images: bool) -> Cached:
    """The data of the run in a folder. Raises UserError if they are not there, or others."""
    try:
        plan.dataset.locate()
    except DataMissing as missing:
        said = f"the data that it was trained on are needed here. {missing.problems[0].message}"
        raise DataMissing(str(path), said) from None
    data = open_data(plan, skip_bad_images=skip_bad_images)
    if data.fingerprint != fingerprint:
        raise UserError(str(path), [Problem("data", "the images or labels are not those that the run was trained on")])
    return data


def open_data(plan: Plan, *, skip_bad_images: bool = False) -> Cached:
    """The plan's data set from its cache, split as the recipe says. Raises UserError with the recipe's key."""
    try:
        data = cached(plan.dataset, skip_bad_images=skip_bad_images)
        data = split_as(data, plan.data.split.model_dump(exclude_unset=True))
    except UserError as error:
        if error.source:
            raise
        raise UserError(str(plan.recipe.path), error.problems) from None
    if any(phase.validate for phase in plan.phases) and not data.counts["validation"]:
        data = with_validation(data, VALIDATION_SHARE)
    if not data.counts["train"]:
        raise UserError(str(plan.recipe.path), [Problem("data", "no image is in the train split")])
    return data


def averaged(modules: dict[str, nn.Module], averages: dict[str, Any]) -> dict[str, nn.Module]:
    """The modules with their running averages in place, where they have one."""
    for name, average in averages.items():
        modules[name].load_state_dict(average)
    return modules


def device_of(name: str) -> torch.device:
    """The device of that name ("auto", "cpu", "cuda", "cuda:0"), another for each of several processes.

    Raises UserError if there is none here.
    """
    wanted = name
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError("--device", f"{wanted!r} cannot be used here ({reason}); use auto, cpu or cuda[:n]") from None
    return device
