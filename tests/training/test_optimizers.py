"""The optimisers of a phase: groups, rates, clipping and running averages."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import UserError
from semreg.recipe.schedules import MOMENTS
from tests.training.bench import Bench

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def test_clipping_limits_the_norm_of_a_modules_gradient(toy: Toy) -> None:
    bench = Bench(toy('[losses.rec]\nreduction = "sum"\n[optimizer]\nuse = "sgd"\nlr = 1.0\nclip = 0.01'))
    before = bench.weights()
    bench.runner.iterate(0)
    for name in ("encoder", "decoder"):
        change = torch.cat([(bench.weights()[name][key] - value).flatten() for key, value in before[name].items()])
        assert change.norm() == pytest.approx(0.01, rel=1e-3)


def test_running_averages(toy: Toy) -> None:
    bench = Bench(toy("[modules.encoder]\nema = 0.75"))
    expected = bench.weights()["encoder"]
    for iteration in range(3):
        bench.runner.iterate(iteration)
        for key, value in bench.weights()["encoder"].items():
            expected[key] = 0.75 * expected[key] + 0.25 * value
    average = bench.runner.trained["encoder"].average
    assert average.keys() == expected.keys()
    for key, value in average.items():
        torch.testing.assert_close(value, expected[key])
        assert not torch.equal(value, bench.weights()["encoder"][key])
    assert bench.runner.trained["decoder"].average == {}


def test_groups_by_name_pattern_with_a_schedule_of_their_own(toy: Toy) -> None:
    path = toy(
        """
        [optimizer]
        use = "sgd"
        lr = 1.0
        schedule = { use = "linear_decay" }
        [[modules.encoder.optimizer.groups]]
        parameters = "*bias"
        lr = 0.5
        schedule = { use = "step", every = 1, gamma = 0.1 }
        [[modules.encoder.optimizer.groups]]
        parameters = "layers.0.*"
        momentum = 0.9
        """
    )
    bench = Bench(path)
    optimizer = bench.optimizer("encoder")
    names = {id(parameter): name for name, parameter in bench.modules["encoder"].named_parameters()}
    groups = [sorted(names[id(p)] for p in group["params"]) for group in optimizer.optimizer.param_groups]
    assert groups[0] == sorted(name for name in names.values() if name.endswith("bias"))
    assert groups[1] == ["layers.0.weight"]
    assert sorted(name for group in groups for name in group) == sorted(names.values())
    assert [group["momentum"] for group in optimizer.optimizer.param_groups] == [0, 0.9, 0]
    rates = {}
    for iteration in (0, 3, 4):  # three iterations are an epoch, the phase has two
        bench.runner.iterate(iteration)
        rates[iteration] = [group["lr"] for group in optimizer.optimizer.param_groups]
    assert rates[0] == [0.5, 1.0, 1.0]
    assert rates[3] == pytest.approx([0.05, 0.5, 0.5])
    assert rates[4] == pytest.approx([0.05, 1 / 3, 1 / 3])


def test_a_pattern_that_fits_nothing_is_told(toy: Toy) -> None:
    path = toy('[[modules.encoder.optimizer.groups]]\nparameters = "wieght"')
    with pytest.raises(UserError, match="no parameter is called 'wieght'; expected one of: layers") as refused:
        Bench(path)
    assert "modules.encoder" in refused.value.text()


def test_a_module_without_parameters_cannot_be_trained(toy: Toy) -> None:
    with pytest.raises(UserError, match="has no parameters, so no loss can train it"):
        Bench(toy(), "phases.main.train.prior={kl=1}")


def test_a_step_that_float32_cannot_hold_is_told(toy: Toy) -> None:
    bench = Bench(toy('[optimizer]\nuse = "adam"\nfused = false\nlr = 1e38'))
    with pytest.raises(UserError, match="a smaller rate would fit") as refused:
        bench.runner.iterate(0)
    assert refused.value.problems[0].where.startswith("the optimizer of ")


def test_running_averages_take_counters_as_they_are(toy: Toy) -> None:
    bench = Bench(toy('[modules.encoder]\nuse = "conv_encoder"\nwidths = [4]\noutputs = 4\nema = 0.75'))
    for iteration in range(3):
        bench.runner.iterate(iteration)
    counters = {key: value for key, value in bench.weights()["encoder"].items() if key.endswith("num_batches_tracked")}
    assert counters
    for key, value in counters.items():
        assert torch.equal(bench.runner.trained["encoder"].average[key], value)


def test_what_an_optimizer_refuses_is_told_with_the_module(toy: Toy) -> None:
    path = toy("[optimizer]\nlr = -0.1")
    with pytest.raises(UserError, match=r"Invalid learning rate: -0\.1") as refused:
        Bench(path)
    assert refused.value.source == str(path)
    assert refused.value.problems[0].where == "the optimizer of encoder and decoder"


def test_lists_of_a_recipe_reach_an_optimizer_as_tuples(toy: Toy) -> None:
    bench = Bench(toy("[optimizer]\nbetas = [0, 0.99]"))
    assert bench.optimizer("decoder").optimizer.param_groups[0]["betas"] == (0.0, 0.99)


def test_an_optimizer_of_matrices_is_tried_on_one(toy: Toy, register: Register) -> None:
    class Matrices(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            if any(parameter.ndim != 2 for group in self.param_groups for parameter in group["params"]):
                raise ValueError("matrices alone")

    register("optimizer", "matrices", Matrices)
    groups = 'groups = [{ parameters = "*bias", lr = 0.1 }]'
    bench = Bench(toy(f'[modules.encoder.optimizer]\nuse = "matrices"\nlr = 0.1\n{groups}'))
    [problem] = bench.optimizer("encoder").try_out()
    assert "matrices (this process) can't make a step: failed: matrices alone" in problem.message
    bench = Bench(toy('[modules.encoder.optimizer]\nuse = "matrices"\nlr = 0.1'))
    assert bench.optimizer("encoder").try_out() == []


class BareError(BaseException):
    """Caught by nobody who catches exceptions."""


def _raise(error: BaseException) -> float:
    raise error


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (lambda: _raise(KeyError("k")), r"optimizer\.schedule  odd \(this process\) failed: KeyError: 'k'"),
        (lambda: _raise(SystemExit(0)), r"odd \(this process\) called sys.exit\(0\)"),
        (
            lambda: math.nan,
            r"a factor is a finite number, not below 0; at epoch 0 of 2 it is nan \(odd, this process\)",
        ),
        (lambda: -0.5, r"a factor is a finite number, not below 0; at epoch 0 of 2 it is -0\.5"),
        (lambda: "text", r"could not convert string to float"),
    ],
)
def test_a_schedule_that_fails_is_named(course: Any, said: str, toy: Toy, register: Register) -> None:
    register("schedule", "odd", lambda epoch, epochs: course())
    with pytest.raises(UserError, match=said):
        Bench(toy('[optimizer]\nschedule = { use = "odd" }'))


def test_a_schedule_that_fails_late_is_named(toy: Toy, register: Register) -> None:
    register("schedule", "odd", lambda epoch, epochs: 1.0 if epoch in moments else _raise(KeyError("k")))
    moments = {2 * moment / MOMENTS for moment in range(MOMENTS)}
    bench = Bench(toy('[optimizer]\nschedule = { use = "odd" }'))
    with pytest.raises(UserError, match=r"optimizer of encoder\.schedule  odd \(this process\) failed: KeyError: 'k'"):
        bench.runner.iterate(1)


def test_an_optimizer_need_not_take_a_rate(toy: Toy, register: Register) -> None:
    class Fixed(torch.optim.SGD):
        def __init__(self, params: Any) -> None:
            super().__init__(params, lr=0.1)

    register("optimizer", "fixed", Fixed)
    path = toy("")
    (path.parent / "base.toml").write_text(
        (path.parent / "base.toml").read_text().replace("lr = 1e-2", "use = 'fixed'")
    )
    bench = Bench(path)
    assert bench.optimizer("encoder").try_out() == []


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(0), BareError(), GeneratorExit()])
def test_an_optimizer_that_fails_is_named(error: BaseException, toy: Toy, register: Register) -> None:
    class Odd(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            raise error

    class Unmade(torch.optim.SGD):
        def __init__(self, params: Any, *, lr: float) -> None:
            raise error

    register("optimizer", "odd", Odd)
    register("optimizer", "unmade", Unmade)
    register("optimizer", "nothing", lambda params, *, lr: None)
    bench = Bench(toy("[optimizer]\nuse = 'odd'\nlr = 1.0"))
    [problem] = bench.optimizer("encoder").try_out()
    assert problem.message.startswith("odd (this process) can't make a step: ")
    with pytest.raises(UserError, match=r"the optimizer of encoder  odd \(this process\) "):
        bench.optimizer("encoder").step([bench.runner.trained["encoder"]])
    with pytest.raises(UserError, match=r"the optimizer of encoder  unmade \(this process\) "):
        Bench(toy(), "optimizer.use='unmade'")
    with pytest.raises(UserError, match=r"it made a NoneType, not a torch\.optim\.Optimizer"):
        Bench(toy(), "optimizer.use='nothing'")


def test_clipping_limits_the_elements_of_a_gradient_and_then_its_norm(toy: Toy) -> None:
    text = '[losses.rec]\nreduction = "sum"\n[optimizer]\nuse = "sgd"\nlr = 1.0\nclip = '
    changes = {}
    for clip in ("{ value = 0.01 }", "{ value = 0.01, norm = 0.02 }", "{ norm = 0.02 }", "0.02"):
        bench = Bench(toy(text + clip))
        before = bench.weights()["decoder"]
        bench.runner.iterate(0)
        parts = [(bench.weights()["decoder"][key] - value).flatten() for key, value in before.items()]
        changes[clip] = torch.cat(parts)
    by_value, both, by_norm, number = changes.values()
    assert by_value.abs().max() == pytest.approx(0.01, rel=1e-3)
    assert both.norm() == pytest.approx(0.02, rel=1e-3)
    torch.testing.assert_close(both, by_value * (0.02 / by_value.norm()), rtol=1e-3, atol=1e-6)
    assert torch.equal(by_norm, number)
    assert not torch.allclose(both, by_norm, atol=1e-5)


# --- one optimiser for several modules ---

GROUPS = 'groups = [{ parameters = "*bias", weight_decay = 0.1 }]\nschedule = { use = "linear_decay" }'
MANY = [
    'use = "adam"\nlr = 0.01',
    f'use = "adamw"\nlr = 0.01\n{GROUPS}',
    'use = "sgd"\nlr = 0.1\nmomentum = 0.9\nclip = { norm = 0.1 }',
    'use = "rmsprop"\nlr = 0.01',
    'use = "adam"\nlr = 0.01\nfused = false',
]


@pytest.mark.parametrize("table", MANY)
def test_modules_that_are_stepped_alike_share_an_optimiser_with_the_bits_of_two(table: str, toy: Toy) -> None:
    """A rate that differs in what no float32 can tell keeps two optimisers apart."""
    shared = Bench(toy(f"[optimizer]\n{table}"))
    rate = 0.1 if "sgd" in table else 0.01
    apart = Bench(toy(f"[optimizer]\n{table}\n[modules.decoder.optimizer]\nlr = {rate * (1 + 2**-52)!r}"))
    assert (len(shared.runner.optimizers), len(apart.runner.optimizers)) == (1, 2)
    for iteration in range(4):
        shared.runner.iterate(iteration)
        apart.runner.iterate(iteration)
    weights = apart.weights()
    for name, table_of in shared.weights().items():
        for key, value in table_of.items():
            assert torch.equal(value, weights[name][key]), (name, key)


def test_modules_that_are_stepped_otherwise_and_optimisers_of_others_stay_apart(toy: Toy, register: Register) -> None:
    class Whole(torch.optim.SGD):
        """May look at all its parameters."""

    register("optimizer", "whole", Whole)
    assert len(Bench(toy('[optimizer]\nuse = "whole"\nlr = 0.1')).runner.optimizers) == 2
    assert len(Bench(toy('[optimizer]\nuse = "lbfgs"\nlr = 0.1')).runner.optimizers) == 2
    assert len(Bench(toy("[modules.decoder.optimizer]\nlr = 0.5")).runner.optimizers) == 2
    assert len(Bench(toy(f"[modules.decoder.optimizer]\n{GROUPS}")).runner.optimizers) == 2
    assert len(Bench(toy("[modules.decoder.optimizer]\nclip = 0.5")).runner.optimizers) == 1, "each is clipped alone"


@pytest.mark.parametrize(
    ("table", "fused"),
    [
        ('use = "adam"', True),
        ('use = "sgd"\nlr = 0.1', True),
        ('use = "adam"\nfused = false', False),
        ('use = "adam"\nforeach = true', False),
        ('use = "rmsprop"', False),
    ],
)
def test_an_optimiser_is_fused_where_pytorch_has_that_unless_the_recipe_says_otherwise(
    table: str, fused: bool, toy: Toy
) -> None:
    bench = Bench(toy(f"[optimizer]\n{table}"))
    assert bool(bench.optimizer("encoder").optimizer.defaults.get("fused")) == fused
    bench.runner.iterate(0)


@pytest.mark.parametrize("table", MANY[:3])
def test_a_state_is_each_modules_own_as_an_optimiser_of_its_own_would_write_it(table: str, toy: Toy) -> None:
    bench = Bench(toy(f"[optimizer]\n{table}"))
    for iteration in range(3):
        bench.runner.iterate(iteration)
    states = bench.optimizer("encoder").states()
    assert set(states) == {"encoder", "decoder"}
    for name, state in states.items():
        part = bench.runner.trained[name]
        groups = [{"params": group.parameters, **group.options} for group in part.groups if group.parameters]
        alone = part.plan.node.loaded.value(groups, **part.plan.node.options)
        alone.load_state_dict(copy.deepcopy(state))
        numbered = [parameter for group in groups for parameter in group["params"]]
        for parameter in numbered:
            for key, value in bench.optimizer(name).optimizer.state[parameter].items():
                assert torch.equal(alone.state[parameter][key], value)


def test_a_state_of_two_optimisers_goes_on_in_one(toy: Toy) -> None:
    """As checkpoints of before have them, or of recipes where one module had options of its own."""
    text = "[optimizer]\nlr = 0.01\nschedule = { use = 'cosine' }"
    shared = Bench(toy(text))
    apart = Bench(toy(f"{text}\n[modules.decoder.optimizer]\nlr = 0.010000000000000002"))
    assert len(apart.runner.optimizers) == 2
    for iteration in range(2):
        apart.runner.iterate(iteration)
    state = copy.deepcopy(apart.runner.state())
    for name, module in shared.modules.items():
        module.load_state_dict(apart.weights()[name])
    shared.runner.load_state(state)
    for bench in (shared, apart):
        bench.runner.iterate(2)
    for name, table in shared.weights().items():
        assert all(torch.equal(value, apart.weights()[name][key]) for key, value in table.items())


def test_a_state_of_other_parameters_is_refused(toy: Toy) -> None:
    bench = Bench(toy())
    state = bench.optimizer("encoder").states()
    state["decoder"]["param_groups"][0]["params"].pop()
    with pytest.raises(ValueError, match="the optimizer of decoder has 4 parameters"):
        bench.optimizer("encoder").load_states(state)
