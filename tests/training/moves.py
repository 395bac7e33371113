"""Which modules a step moves, for tests of who trains whom."""

from __future__ import annotations

from typing import Any

import torch

from semreg.recipe.plan import Plan
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting


def moved_by_one_iteration(plan: Plan) -> set[str]:
    """The modules whose parameters change in the first iteration of the first phase, on a made-up batch."""
    modules = build_modules(plan, seed=0)
    setting = Setting(plan, modules, seed=0, device=torch.device("cpu"), precision="fp32")

    class Same:
        per_epoch = 1

        def batch(self, count: int) -> dict[str, Any]:
            return synthetic_batch(plan.fields, plan.value_range)

    runner = PhaseRunner(setting, plan.phases[0], lambda step: Same(), None)
    before = {name: [p.detach().clone() for p in module.parameters()] for name, module in modules.items()}
    runner.iterate(0)
    return {
        name
        for name, module in modules.items()
        if any(not torch.equal(p, old) for p, old in zip(module.parameters(), before[name], strict=True))
    }
