"""Runs made of tensors, for evaluations, comparisons and hooks: no data set, no recipe, no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semreg.components.values import map_tensors, tensors_of
from semreg.core import Field, Handle, RecordedRun, Roles, Specification

ROWS_AT_ONCE = 7


class FakeRun:
    """A `semreg.core.TrainedRun` whose tensors are given as `{name: {split: rows}}`, and recomputed by functions.

    `drawn` has the values of tensors that are random in training, `roles` is the `[model]`. Images are from 0 to 1.
    """

    def __init__(
        self,
        *,
        tensors: dict[str, dict[str, Tensor]],
        functions: dict[str, Callable[..., Tensor]],
        fields: Specification,
        modules: dict[str, Any] | None = None,
        drawn: dict[str, dict[str, Tensor]] | None = None,
        roles: Roles | None = None,
    ) -> None:
        self.tensors, self.functions, self.fields, self.modules = tensors, functions, fields, modules or {}
        self.drawn = {**tensors, **(drawn or {})}
        self.roles = roles or Roles()
        splits = next(iter(tensors.values()))
        self.counts: dict[str, int] = {s: len(splits.get(s, ())) for s in ("train", "validation", "test")}
        self.device = torch.device("cpu")
        self.folder = Path("fake_run")
        self.value_range = (0.0, 1.0)

    def tensor(self, name: str) -> Handle:
        """Return the handle of a tensor."""
        return FakeHandle(self, name)

    def module(self, name: str) -> Any:
        """Return a given module."""
        return self.modules[name]

    def encode(self, images: Tensor) -> Any:
        """Apply the functions of the codes to the input."""
        codes = tuple(self.functions[name](**{self.roles.input: images}) for name in self.roles.code)
        return codes[0] if len(codes) == 1 else codes

    def decode(self, *codes: Tensor) -> Any:
        """Apply the function of the output to the codes."""
        return self.functions[self.roles.output](**dict(zip(self.roles.code, codes, strict=True)))


class FakeHandle:
    """A tensor of such a run."""

    def __init__(self, run: FakeRun, name: str) -> None:
        self.run, self.name = run, name

    @property
    def field(self) -> Field | None:
        return self.run.fields.get(self.name)

    def read(self, split: str = "train", *, count: int | None = None, draws: bool = False) -> Any:
        return self._values(split, count, draws)

    def _values(self, split: str, count: int | None, draws: bool) -> Any:
        values = (self.run.drawn if draws else self.run.tensors)[self.name][split]
        return map_tensors(lambda tensor: tensor[:count], values)

    def at(self, split: str, rows: Tensor) -> Any:
        return map_tensors(lambda tensor: tensor[rows], self.run.tensors[self.name][split])

    def batches(
        self,
        split: str = "train",
        *,
        size: int = ROWS_AT_ONCE,
        count: int | None = None,
        draws: bool = False,
        given: Mapping[str, Tensor] | None = None,
    ) -> Iterator[Any]:
        values = self.given(**given) if given else self._values(split, count, draws)
        for start in range(0, len(tensors_of(values)[0]), size):
            yield map_tensors(lambda tensor, start=start: tensor[start : start + size], values)  # type: ignore[misc]

    def needs(self, *given: str) -> set[str]:
        return {self.name} - set(given) if self.name in self.run.fields else set()

    def given(self, **values: Tensor) -> Tensor:
        return self.run.functions[self.name](**values)

    differentiable = given


class FakeObservedRun:
    """A `semreg.core.ObservedRun` in a folder, with the tensors and modules of a FakeRun.

    `warnings` holds the messages of `warn`.
    """

    def __init__(self, folder: Path, trained: FakeRun | None = None, *, recipe: dict[str, Any] | None = None) -> None:
        self.folder, self.name, self.recipe = folder, folder.name, recipe or {}
        self.tensors = {} if trained is None else trained.tensors
        self.modules = {} if trained is None else trained.modules
        self.warnings: list[str] = []

    def tensor(self, name: str, *, count: int = 8) -> Any:
        """Return the first `count` values of a tensor."""
        values = next(iter(self.tensors[name].values()))
        return map_tensors(lambda tensor: tensor[:count], values)

    def recorded(self) -> RecordedRun:
        """Return a run that has started and recorded nothing yet."""
        return RecordedRun(self.folder, self.name, sha256(self.name.encode()).hexdigest())

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self.warnings.append(message)
