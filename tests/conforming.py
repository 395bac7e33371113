"""Examples of inputs for installed components, and the kit's call for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg import testing
from semreg.components.values import tensors_of
from semreg.core import registry
from semreg.testing.runs import FakeHandle

KINDS = tuple(name.removeprefix("check_") for name in testing.__all__ if name.startswith("check_"))
TEXTBOOK = frozenset({"source"})
"""What needs no paper: it is in every textbook, or is plain engineering."""


HOLD_PICTURES = frozenset({"few_shot", "hopkins"})
"""Evaluations of which docs/data.md says that they hold pictures, or codes that are as large."""


@dataclass(frozen=True)
class Example:
    """What a recipe would hand a component, and which checks are not for it (a comment beside it says why)."""

    inputs: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    exempt: frozenset[str] = frozenset()
    more: Mapping[str, Any] = field(default_factory=dict)


def example(*inputs: Any, exempt: frozenset[str] | set[str] = frozenset(), **options: Any) -> Example:
    return Example(inputs, options, frozenset(exempt))


def names(distribution: str, *, without: tuple[str, ...] = (), kinds: tuple[str, ...] = KINDS) -> set[str]:
    """The installed components of a distribution, of the kinds that the kit knows."""
    return {
        component.name
        for component in registry.components()
        if component.distribution == distribution and component.kind in set(kinds) - set(without)
    }


def conform(name: str, distribution: str, given: Example) -> None:
    """Raises AssertionError unless the component passes the checks of its kind, and an evaluation takes pictures, and
    codes that are as large, a batch at a time, as docs/data.md says. Codes and logits
    are in float32."""
    [component] = [
        c for c in registry.components() if c.name == name and c.distribution == distribution and c.kind != "panel"
    ]
    check = getattr(testing, f"check_{component.kind}")
    with pytest.MonkeyPatch.context() as patch:
        if name not in HOLD_PICTURES:
            patch.setattr(FakeHandle, "read", _read_few_pictures)
        check(registry.load(component), *given.inputs, options=given.options, exempt=given.exempt, **given.more)
    if component.kind in ("encoder", "classifier"):
        _require_float32_head(registry.load(component), given)


def _require_float32_head(network: Any, given: Example) -> None:
    made = network(**given.options, input_shapes=[tuple(value.shape[1:]) for value in given.inputs])
    with torch.autocast("cpu", torch.bfloat16):
        result, *_ = tensors_of(made(*given.inputs))
    assert result.dtype == torch.float32, "under autocast its last layer computes in bfloat16"
    assert not torch.equal(result.bfloat16().float(), result), "what it gives was rounded to bfloat16"


def _read_few_pictures(handle: FakeHandle, split: str = "train", *, count: int | None = None, **options: Any) -> Any:
    values = next(handle.batches(split, count=count, size=10**9, **options))
    assert count is not None or all(tensor.ndim < 4 for tensor in tensors_of(values)), f"{handle.name} is read whole"
    return values


def evaluation(
    run: Any, names: str, *, judged: bool = False, exempt: frozenset[str] = frozenset(), **options: Any
) -> Example:
    """An example of an evaluation on a run made of tensors, which may also be the judge."""
    inputs = [run.modules[name] if name in run.modules else run.tensor(name) for name in names.split()]
    return Example(tuple(inputs), options, exempt, {"judge": run} if judged else {})


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
"""Classes of a batch of six."""
