"""StarGAN as a recipe: its losses are the paper's, and each moves what it trains."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, one_hot

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.program import Program
from tests.training.moves import moved_by_one_iteration

STARGAN = Path(__file__).parents[3] / "recipes" / "uniform" / "stargan.toml"
SMALL = [
    "data.size=16", "data.count=40", "modules.encoder.width=2", "modules.decoder.width=2", "modules.decoder.blocks=1",
    "modules.critic.width=2", "modules.critic.layers=2", "without=['evaluate']",
]  # fmt: skip


def test_the_losses_are_the_papers() -> None:
    plan = check(load_recipe(STARGAN, SMALL))
    modules = build_modules(plan, seed=0)
    program = Program(plan, modules, key=(0,))
    execution = program.execution(synthetic_batch(plan.fields, plan.value_range, 5))
    found = {name: program.losses[name](execution) for name in plan.losses}
    x, own, order = execution["image"], execution["expression"], execution["order"]
    critic = modules["critic"]

    def translated(images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        maps = one_hot(classes, 5).float()[:, :, None, None].expand(-1, -1, 16, 16)
        return modules["decoder"](modules["encoder"](torch.cat([images, maps], 1)))

    x_s = translated(x, own[order])
    expected = {
        "rec": (translated(x_s, own) - x).abs().mean(),
        "cls_s": cross_entropy(critic.domain_logits(x_s), own[order]),
        "cls_x": cross_entropy(critic.domain_logits(x), own),
        "adv_g": -critic(x_s).mean(),
        "adv_d": critic(x_s).mean() - critic(x).mean(),
    }
    assert set(found) == {*expected, "gp"}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert moved_by_one_iteration(plan) == {"encoder", "decoder", "critic"}
