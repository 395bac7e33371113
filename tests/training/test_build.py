"""Modules from a plan: shapes found by running what comes before, weights by a seed of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.components.priors import StandardNormal
from semreg.core import UserError
from semreg.training.build import build_modules, count_parameters, synthetic_batch, untrained, without_effect
from tests.training.conftest import plan_of

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def weights(modules: dict[str, nn.Module], name: str) -> dict[str, Tensor]:
    return dict(modules[name].state_dict())


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[key].shape == b[key].shape and torch.equal(a[key], b[key]) for key in a)


def test_adding_a_module_never_changes_anothers_weights(toy: Toy) -> None:
    few = build_modules(plan_of(toy()), seed=3)
    more = '[modules.aaa]\nuse = "mlp_encoder"\noutputs = 5\n[tensors]\nfirst = "aaa(image)"\nlast = "zzz(z, first)"\n'
    many = build_modules(plan_of(toy(f'{more}[modules.zzz]\nuse = "mlp_encoder"\noutputs = 2')), seed=3)
    for name in ("encoder", "decoder"):
        assert same(weights(few, name), weights(many, name))
    assert list(few) == ["encoder", "decoder", "prior"]


def test_weights_are_a_function_of_seed_and_name(toy: Toy) -> None:
    text = '[modules.twin]\nuse = "mlp_encoder"\noutputs = 4\nhidden = [6]\n[tensors]\ntwins = "twin(image)"'
    plan = plan_of(toy(text))
    first, again, other = (build_modules(plan, seed=seed) for seed in (0, 0, 1))
    assert same(weights(first, "encoder"), weights(again, "encoder"))
    assert not same(weights(first, "encoder"), weights(other, "encoder"))
    assert not same(weights(first, "encoder"), weights(first, "twin"))


def test_input_shapes_come_through_chains_of_modules(toy: Toy, register: Register) -> None:
    seen: dict[str, Any] = {}

    class Watching(nn.Module):
        def __init__(self, *, label: str, input_shapes: list[tuple[int, ...]]) -> None:
            super().__init__()
            seen[label] = input_shapes
            self.layer = nn.LazyLinear(5)

        def forward(self, *inputs: Any) -> Tensor:
            flat = [part.flatten(1) for value in inputs for part in (value if isinstance(value, tuple) else (value,))]
            result: Tensor = self.layer(torch.cat(flat, dim=1).float())
            return result

    register("encoder", "watching", Watching)
    path = toy(
        """
        [modules.last]
        use = "watching"
        label = "last"
        [modules.middle]
        use = "watching"
        label = "middle"
        [tensors]
        end = "last(middle(posterior, point), image, marks)"
        """
    )
    modules = build_modules(plan_of(path), seed=0)
    assert seen == {"middle": [(2,), (2,), (3,)], "last": [(5,), (1, 4, 4), (2,)]}
    assert list(modules)[-2:] == ["last", "middle"], "in the recipe's order"


def test_a_module_fed_by_itself_takes_its_shapes_from_the_call_that_is_not(toy: Toy) -> None:
    path = toy('[tensors]\nagain = "diagonal_gaussian(encoder(reconstruction))"')
    path.write_text(path.read_text().replace("[tensors]", "[tensors]\naaa = 'encoder(reconstruction)'"))
    assert isinstance(build_modules(plan_of(path), seed=0)["encoder"], nn.Module)


@pytest.mark.parametrize("tensors", ['a = "one(two(image))"\nb = "two(one(image))"', 'a = "one(two(one(image)))"'])
def test_modules_that_feed_each_other(toy: Toy, tensors: str) -> None:
    both = '[modules.one]\nuse = "mlp_encoder"\noutputs = 16\n[modules.two]\nuse = "mlp_encoder"\noutputs = 16\n'
    assert set(build_modules(plan_of(toy(f"{both}[tensors]\n{tensors}")), seed=0)) >= {"one", "two"}


@pytest.mark.parametrize("tensors", ["", '[tensors]\nx = "detach(one)"'])
def test_shapes_of_a_module_that_is_never_called_cannot_be_known(toy: Toy, tensors: str) -> None:
    with pytest.raises(UserError) as refused:
        build_modules(plan_of(toy(f'[modules.one]\nuse = "mlp_encoder"\noutputs = 3\n{tensors}')), seed=0)
    [problem] = refused.value.problems
    assert problem.where == "modules.one"
    assert "its input shapes are unknown" in problem.message


def test_a_constructors_refusal_is_told_at_the_module(toy: Toy) -> None:
    path = toy('[modules.small]\nuse = "conv_encoder"\noutputs = 1\nkernel = 4\n[tensors]\nx = "small(image)"')
    with pytest.raises(UserError) as refused:
        build_modules(plan_of(path), seed=0)
    assert refused.value.source == str(path)
    assert refused.value.problems[0].where == "modules.small"
    assert "halve an image of (4, 4) to nothing" in refused.value.text()


def test_a_module_must_be_one(toy: Toy, register: Register) -> None:
    def no_module() -> int:
        return 3

    register("encoder", "no_module", no_module)
    with pytest.raises(UserError, match="no_module made a int"):
        build_modules(plan_of(toy('[modules.x]\nuse = "no_module"')), seed=0)


def test_made_up_batches_have_the_datas_shapes_and_types(toy: Toy) -> None:
    plan = plan_of(toy(), "data.range=[-1, 1]")
    batch = synthetic_batch(plan.fields, plan.value_range, rows=5)
    found = {name: (value.dtype, tuple(value.shape)) for name, value in batch.items()}
    assert found == {
        "image": (torch.float32, (5, 1, 4, 4)),
        "kind": (torch.int64, (5,)),
        "marks": (torch.float32, (5, 2)),
        "point": (torch.float32, (5, 3)),
    }
    assert -1 <= batch["image"].min() < 0 < batch["image"].max() <= 1
    assert batch["kind"].max() == 2


def test_parameters_counted_and_modules_left_untrained_reported(toy: Toy) -> None:
    plan = plan_of(toy(), "without=['phases.main.train.decoder']")
    modules = build_modules(plan, seed=0)
    assert count_parameters(modules) == {
        "encoder": 16 * 6 + 6 + 6 * 4 + 4,
        "decoder": 2 * 6 + 6 + 6 * 16 + 16,
        "prior": 0,
    }
    assert untrained(plan, modules) == ["modules.decoder has parameters that are neither trained nor loaded"]
    loaded = plan_of(toy(), "without=['phases.main.train.decoder']", "modules.decoder.weights=runs/x:decoder")
    assert untrained(loaded, modules) == []


def test_a_label_that_a_prior_ignores_is_reported(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(
        toy('[losses.kl]\nuse = "kl_divergence(posterior, prior, kind)"\n[tensors]\nx = "draw(prior, kind)"')
    )
    modules = build_modules(plan, seed=0)
    assert without_effect(plan, modules) == [
        "tensors.x: the prior 'prior' depends on no label and ignores 'kind'",
        "losses.kl: the prior 'prior' depends on no label and ignores 'kind'",
    ]
    monkeypatch.setattr(StandardNormal, "ignores_labels", False)
    assert without_effect(plan, modules) == []
