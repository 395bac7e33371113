"""Opens a trained run from its folder; its data are read on first use."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semreg.core import DataMissing, Dataset, Problem, UserError, closest
from semreg.data.cache import cached, survey
from semreg.data.dataset import Cached
from semreg.data.root import data_root_of
from semreg.data.splits import share
from semreg.data.splitting import split_as, with_validation
from semreg.recipe.check import check
from semreg.recipe.component_errors import component_error
from semreg.recipe.load import Recipe
from semreg.recipe.names import referred
from semreg.recipe.plan import Plan
from semreg.recipe.process_state import process_state_kept
from semreg.store.checkpoint import read_state
from semreg.store.disk import read_object
from semreg.store.fields import restored
from semreg.store.layout import CONFIG, MODEL, RECIPE, RECORD
from semreg.store.names import in_zoo, zoo_names
from semreg.store.reading import as_written
from semreg.trained.run import Run
from semreg.trained.statistics import load_fitted_priors
from semreg.trained.versions import other_versions
from semreg.trained.weights import load_weights
from semreg.training.build import build_modules

VALIDATION_SHARE = 0.1
DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,9})?")
FIT = "cpu and cuda[:n]"


def open_export(folder: str | Path, *, device: str = "auto") -> Run:
    """Open an exported run. Raises UserError if the folder is not an export."""
    path = in_zoo(Path(folder))
    if not (path / CONFIG).is_file():
        near = closest(path.name, zoo_names())
        raise UserError(str(path), f"this is not the folder of an exported run (it has no {CONFIG}){near}")
    return open_trained(path, device=device)


def open_run(
    folder: str | Path, *, data_root: str | Path | None = None, device: str = "auto", judge_on: str = "test"
) -> Run:
    """Open a run as far as it is trained. Raises UserError if the folder is not a run, or lacks a complete
    checkpoint."""
    return _opened(Path(folder), None, data_root_of(data_root), device, judge_on)[0]


def open_trained(
    folder: str | Path,
    *,
    recipe: Recipe | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    judge_on: str = "test",
) -> Run:
    """Open a run that is trained to its end, with its own recipe or another one that trains the same.

    Raises UserError if the folder is not such a run.
    """
    run, trained = _opened(Path(folder), recipe, data_root_of(data_root), device, judge_on)
    if not trained:
        raise UserError(str(run.folder), "this run is not trained to its end; resume it by `semreg run RECIPE`")
    return run


def read_run(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the record of a run and its own recipe. Raises UserError if the folder is not a run's."""
    record, table = read_object(path / RECORD), read_object(path / RECIPE)
    if record is None or table is None:
        beside = [other.parent.name for other in path.parent.glob(f"*/{RECORD}")]
        near = closest(path.name, [*beside, *zoo_names()])
        raise UserError(str(path), f"this is not the folder of a run (it has no {RECORD}){near}")
    return record, _without_bare_papers(table)


def _without_bare_papers(table: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe of an old run without a bare number as `paper`, which doesn't name its data."""
    evaluations = table.get("evaluate")
    for evaluation in evaluations.values() if isinstance(evaluations, dict) else ():
        if isinstance(evaluation, dict) and isinstance(evaluation.get("paper"), (int, float)):
            del evaluation["paper"]
    return table


def plan_of_run(path: Path, recipe: Recipe | None, data_root: Path) -> Plan:
    """Return the plan of a run, of its own recipe or of another; `plan.lacking` lists the parts that are
    missing here."""
    record, table = read_run(path)
    with as_written(path):
        fields = restored(record["data"]["fields"])
        own = recipe or Recipe(referred(record["recipe"]), table)
        fallback = bool(record["used_fallback"])
        plan = check(own, data_root=data_root, fallback=fallback and own.has_fallback, trained_on=fields)
        return replace(plan, fallback=fallback)


def _opened(path: Path, recipe: Recipe | None, data_root: Path, device: str, judge_on: str) -> tuple[Run, bool]:
    """Return a run, and whether it is trained to its end."""
    path = in_zoo(path)
    record, _ = read_run(path)
    state = read_state(path, record)
    if state is None and (path / CONFIG).is_file():
        raise UserError(str(path), f"this exported run has lost its weights (it has no {MODEL})")
    if state is None:
        yet = "; its last one is damaged: remove the folder to train it again" if record.get("trained") else " yet"
        raise UserError(str(path), f"this run has no whole checkpoint{yet}")
    chosen = device_of(device)
    plan = plan_of_run(path, recipe, data_root)
    changed = other_versions(record, plan)
    if changed:
        warnings.warn(f"{path}: trained with {', '.join(changed)}; it is used as it is", stacklevel=3)
    with as_written(path):
        return opened(path, plan, record, state, chosen, judge_on), state["phase"] >= len(plan.phases)


def opened(
    path: Path,
    plan: Plan,
    record: Mapping[str, Any],
    state: Mapping[str, Any],
    device: torch.device,
    judge_on: str = "test",
) -> Run:
    """Return the run of a plan, with the weights of a checkpoint's state."""
    lacking: list[Problem] = []
    modules = build_modules(plan, seed=record["seed"], lacking=lacking)
    rest = {name: module for name, module in modules.items() if name not in state["modules"]}
    if state.get("exported"):  # with only the modules that its roles need
        left_out = [name for name, module in rest.items() if module.state_dict()]
        lacking += [Problem(f"modules.{name}", "was not exported") for name in left_out]
        modules, rest = {name: module for name, module in modules.items() if name not in left_out}, {}
    for name, module in rest.items():
        try:
            load_weights(plan, {name: module}, path.parent)
        except UserError as error:
            lacking += error.problems
            del modules[name]
    for name, weights in state["modules"].items():
        if name in modules:  # else it lacks its parts
            modules[name].load_state_dict(weights)
    modules = averaged(modules, state["averages"])
    for module in modules.values():
        module.to(device).eval().requires_grad_(False)
    read = partial(_data_of, path, plan, record["data"]["fingerprint"], record.get("skip_bad_images", False))
    plan = replace(plan, lacking=(*plan.lacking, *lacking))
    run = Run(path, plan, modules, read, device, record["seed"], judge_on)
    load_fitted_priors(run)
    return run


def _data_of(path: Path, plan: Plan, fingerprint: str, skip_bad_images: bool) -> Cached:
    """Return the data of the run in a folder. Raises UserError if they are missing or changed."""
    if plan.dataset is None:
        raise UserError(str(path), [Problem("data", "its data set is missing"), *plan.lacking])
    try:
        with _of_the_data_set(plan), process_state_kept():
            plan.dataset.locate()
    except DataMissing as missing:
        said = f"the data that it was trained on are needed here. {missing.problems[0].message}"
        raise DataMissing(str(path), said) from None
    data = open_data(plan, skip_bad_images=skip_bad_images)
    if data.fingerprint != fingerprint:
        raise UserError(str(path), [Problem("data", "the images or labels have changed since the run was trained")])
    return data


def open_data(plan: Plan, *, skip_bad_images: bool = False) -> Cached:
    """Return the plan's data set from its cache, split by the recipe. Raises UserError with the recipe's key."""
    return _split(plan, lambda dataset: cached(dataset, skip_bad_images=skip_bad_images))


def survey_data(plan: Plan) -> Cached | None:
    """Return the plan's data from names and tables, split by the recipe, without images.

    Returns None if the data set can't do this, or is missing. Raises UserError as `open_data` does.
    """
    if plan.missing is not None or not hasattr(plan.dataset, "survey"):
        return None
    return _split(plan, survey)


def _split(plan: Plan, read: Callable[[Dataset], Cached]) -> Cached:
    """Return the data from `read`, split by the plan's recipe."""
    dataset = plan.dataset
    if dataset is None:
        raise UserError(str(plan.recipe.path), plan.lacking)
    try:
        with _of_the_data_set(plan), process_state_kept():
            whole = read(dataset)
        data = split_as(whole, split_asked(plan))
        if plan.validates and not data.counts["validation"]:
            amount = VALIDATION_SHARE if share(VALIDATION_SHARE, data.counts["train"]) else 1  # of a handful
            data = with_validation(data, amount)
    except UserError as error:
        if error.source:
            raise
        said = [Problem(problem.where or "data", problem.message) for problem in error.problems]
        raise UserError(str(plan.recipe.path), said) from None
    if not data.counts["train"]:
        raise UserError(str(plan.recipe.path), [Problem("data", "no image is in the train split")])
    return data


@contextmanager
def _of_the_data_set(plan: Plan) -> Iterator[None]:
    """Add the data set's name to errors raised inside the block, except a UserError, whose message is clear."""
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if plan.dataset_node is None:
            raise
        raise component_error(plan.dataset_node, str(plan.recipe.path), error) from error


def split_asked(plan: Plan) -> dict[str, Any]:
    """Return the recipe's `data.split`."""
    return plan.data.split.model_dump(exclude_unset=True)


def averaged(modules: dict[str, nn.Module], averages: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return the modules, replaced by their running averages if they have one."""
    for name, average in averages.items():
        if name in modules:
            modules[name].load_state_dict(average)
    return modules


def device_of(name: str) -> torch.device:
    """Return the device of that name: "auto", "cpu", "cuda:1", or "cuda": the first GPU, or for several processes one
    each.

    Apple's "mps" is not supported: it lacks float64, which angles, predictability and distances need, and exact
    resuming with its generators is untested. Raises UserError if there is no such device here.
    """
    if name == "mps":
        raise UserError("--device", f"'mps' has no float64, which losses need; expected {FIT}")
    if not DEVICE.fullmatch(name):
        raise UserError("--device", f"{name!r} is not a device that semreg computes on; expected auto, {FIT}")
    here = torch.cuda.is_available()
    there = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count() if here else 0))]
    found = {"auto": "cuda" if here else "cpu"}.get(name, name)
    if found == "cuda":
        found = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % max(1, len(there) - 1)}"  # or only its own
    if found not in there:
        raise UserError(
            "--device", f"{(found if here else name)!r} is not available; expected one of: {', '.join(there)}"
        )
    device = torch.device(found)
    try:
        torch.empty(0, device=device)
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError("--device", f"{name!r} can't be used ({reason}); expected one of: {', '.join(there)}") from None
    return device
