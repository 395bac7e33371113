"""The view of a run in training that hooks receive; it changes no bit of the run."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from semreg.components.values import map_tensors, on_cpu
from semreg.core import Problem, UserError, closest, seed_of
from semreg.data.batches import sequential
from semreg.data.dataset import Cached
from semreg.recipe.plan import Plan, Read
from semreg.training.buffers import buffers_kept
from semreg.training.program import Program, evaluating, value_text

Images = Callable[[Collection[str], int], Mapping[str, Any]]
"""A function that returns the named fields of a number of images."""


class InTraining:
    """The modules of a run in training, and tensors computed by them in their current state.

    Args:
        plan: the recipe's.
        modules: all modules of the recipe.
        images: the images that tensors are computed on, the same each time.
        seed: the run's.
        device: of the modules.
        precision: as a Program's.
    """

    def __init__(
        self,
        plan: Plan,
        modules: dict[str, nn.Module],
        images: Images,
        seed: int,
        device: torch.device,
        precision: str = "fp32",
    ) -> None:
        self.plan, self._modules, self._images = plan, modules, images
        self._seed, self._device, self._precision = seed, device, precision
        self._program: Program | None = None

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The recipe's modules, by name."""
        return MappingProxyType(self._modules)

    def tensor(self, name: str, *, count: int = 8) -> Any:
        """Return a tensor or field of `count` images, as `semreg.core.ObservedRun` does. Raises UserError."""
        known = {*self.plan.tensors, *self.plan.fields}
        if name not in known:
            raise UserError(str(self.plan.recipe.path), f"there is no tensor {name!r}{closest(name, known)}")
        if count < 1:
            raise UserError(str(self.plan.recipe.path), f"{name!r} needs at least 1 image; found {count}")
        with _unchanged(self._modules, self._device, seed_of(self._seed, "hooks")), evaluating(self._modules):
            program = self._program = self._program or Program(
                replace(self.plan, losses={}), self._modules, key=(self._seed, "hooks"), training=False,
                device=self._device, precision=self._precision,
            )  # fmt: skip
            fields = self._images(self.plan.fields_of([Read(name)]), count)
            with program.autocast():
                value = program.value(name, program.execution(fields))
            return map_tensors(torch.clone, on_cpu(value))  # in no memory that a module or the data have


def held_out(data: Cached, value_range: tuple[float, float], device: torch.device) -> Images:
    """Return evenly spaced images of the validation split, else of the test split, else of the training images."""
    rows = data.rows(next(split for split in ("validation", "test", "train") if data.counts[split]))

    def images(fields: Collection[str], count: int) -> Mapping[str, Any]:
        count = min(count, len(rows))
        chosen = rows[torch.arange(count) * len(rows) // count]
        return next(sequential(data, chosen, count, fields=fields, value_range=value_range, device=device))

    return images


def require_pictures(run: InTraining) -> None:
    """Raise UserError for tensors in the recipe's `[watch]` that are not images, or can't be computed."""
    watch, problems = run.plan.tables.watch, []
    for place, name in enumerate(watch.tensors if watch else ()):
        value = run.tensor(name, count=watch.images if watch else 1)
        shape = value.shape if isinstance(value, torch.Tensor) and not value.is_complex() else ()
        if len(shape) != 4 or shape[1] not in (1, 3) or not value.numel():
            message = f"{name!r} is {value_text(value)}; pictures are (images, 1 or 3, height, width)"
            problems.append(Problem(f"watch.tensors.{place}", message))
    if problems:
        raise UserError(str(run.plan.recipe.path), problems)


@contextmanager
def _unchanged(modules: Mapping[str, nn.Module], device: torch.device, seed: int) -> Iterator[None]:
    """Restore, afterwards, what a computation may change: modes and buffers of modules, and global generators.

    Draws from PyTorch's global generators inside are the same each time.
    """
    parts = [(part, part.training) for module in modules.values() for part in module.modules()]
    draws, numpy_draws = random.getstate(), np.random.get_state()
    forked = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
    with forked, buffers_kept(modules.values()):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(draws)
            np.random.set_state(numpy_draws)
            for part, training in parts:
                part.training = training
