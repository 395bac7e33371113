"""Components share their names at one place of a recipe, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import semreg
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe

RECIPE = """
[data]
sampler = { use = "evened(kind)", strength = 2 }
[tensors]
even = { use = "evened(z)", shift = 0.5 }
[losses.even]
use = "l2(even, z)"
[phases.main.train]
encoder = { even = 1 }
"""


def test_an_operation_and_a_sampler_of_one_name_are_two_things(
    toy: Callable[..., Path], register: Callable[[str, str, Any], None], no_hooks: None, tmp_path: Path
) -> None:
    called: dict[str, int] = {"sampler": 0, "operation": 0}

    def sampler(
        labels: Tensor, *, count: int, batch_size: int, strength: int, generator: torch.Generator | None = None
    ) -> Tensor:
        called["sampler"] += strength
        return torch.arange(count // batch_size * batch_size).view(-1, batch_size)

    def operation(codes: Tensor, *, shift: float) -> Tensor:
        called["operation"] += 1
        return codes * shift

    register("sampler", "evened", sampler)
    register("operation", "evened", operation)
    path = tmp_path / "evened.toml"
    path.write_text(f'extends = "{toy().name}"\n{RECIPE}')
    plan = check(load_recipe(path))
    assert plan.phases[0].sampler is not None
    assert plan.phases[0].sampler.loaded.kind == "sampler"
    assert [node.loaded.kind for node in plan.nodes() if node.name == "evened"] == ["operation", "sampler"]
    semreg.run(path, out=tmp_path / "runs", device="cpu")
    assert all(called.values())
