"""A run made of tensors, for evaluations: no data set, no recipe, no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from semreg.core.specification import Field
from semreg.testing.given import with_tensors


class FakeRun:
    """A run whose tensors are given as `{name: {split: rows}}`, and recomputed by functions of other tensors.

    `drawn` has the values of those that are random in training.
    """

    def __init__(
        self,
        *,
        tensors: dict[str, dict[str, Tensor]],
        functions: dict[str, Callable[..., Tensor]],
        fields: dict[str, Field],
        modules: dict[str, Any] | None = None,
        drawn: dict[str, dict[str, Tensor]] | None = None,
    ) -> None:
        self.tensors, self.functions, self.fields, self.modules = tensors, functions, fields, modules or {}
        self.drawn = {**tensors, **(drawn or {})}
        splits = next(iter(tensors.values()))
        self.data = SimpleNamespace(counts={s: len(splits.get(s, ())) for s in ("train", "validation", "test")})
        self.device = torch.device("cpu")
        self.plan = SimpleNamespace(value_range=(0.0, 1.0))

    def in_order(self, name: str, split: str, count: int | None) -> Iterator[dict[str, Tensor]]:
        for part in torch.split(self.tensors[name][split][:count], 7):
            yield {name: part}

    def tensor(self, name: str) -> Any:  # it stands for semreg's handle
        return FakeHandle(self, name)


class FakeHandle:
    """A tensor of such a run."""

    def __init__(self, run: FakeRun, name: str) -> None:
        self.run, self.name = run, name

    @property
    def field(self) -> Field | None:
        return self.run.fields.get(self.name)

    def read(self, split: str = "train", *, count: int | None = None, draws: bool = False) -> Any:
        values = (self.run.drawn if draws else self.run.tensors)[self.name][split]
        return with_tensors((values,), lambda tensor: tensor[:count])[0]

    def given(self, **values: Tensor) -> Tensor:
        return self.run.functions[self.name](**values)
