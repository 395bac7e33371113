"""One phase: who moves, in which mode, from which gradients, and what a trial puts back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules
from semreg.training.phase import PhaseRunner
from semreg.training.program import Execution, Program
from semreg.training.step import Setting
from tests.running.faults import Dropping

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

SGD = '[optimizer]\nuse = "sgd"\nlr = 0.1\n'


class Numbered:
    """Batches drawn from their number, which is noted when one is asked for."""

    per_epoch = 3

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch(self, count: int) -> dict[str, Any]:
        self.asked.append(count)
        return make_batch(count)


def make_batch(count: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(count)
    return {
        "image": torch.rand(6, 1, 4, 4, generator=generator),
        "kind": torch.arange(6) % 3,
        "marks": torch.ones(6, 2),
        "point": torch.rand(6, 3, generator=generator),
    }


class Bench:
    """A phase's runner on made-up batches."""

    def __init__(self, path: Path, *overrides: str, phase: int = 0, precision: str = "fp32") -> None:
        self.plan: Plan = check(load_recipe(path, overrides))
        self.modules = build_modules(self.plan, seed=0)
        self.setting = Setting(self.plan, self.modules, 0, torch.device("cpu"), precision)
        self.sources: dict[str, Numbered] = {}

        def batches(step: Any) -> Numbered:
            self.sources[step.name] = Numbered()
            return self.sources[step.name]

        self.runner = PhaseRunner(
            self.setting, self.plan.phases[phase], batches, lambda: [make_batch(100), make_batch(101)]
        )

    def weights(self) -> dict[str, dict[str, Tensor]]:
        return {name: copy.deepcopy(module.state_dict()) for name, module in self.modules.items()}

    def moved(self, before: dict[str, dict[str, Tensor]]) -> set[str]:
        now = self.weights()
        return {name for name in now if any(not torch.equal(now[name][key], before[name][key]) for key in now[name])}


# --- who trains whom ---


@pytest.mark.parametrize(
    ("train", "moved"),
    [
        ("encoder = { rec = 1 }", {"encoder"}),
        ("decoder = { rec = 1 }", {"decoder"}),
        ("encoder = { kl = 1 }", {"encoder"}),
        ("encoder = { kl = 1 }\ndecoder = { rec = 1 }", {"encoder", "decoder"}),
    ],
)
def test_exactly_the_modules_of_the_rows_move(toy: Toy, train: str, moved: set[str]) -> None:
    bench = Bench(toy(f'without = ["phases.main"]\n[phases.only]\nepochs = 1\n[phases.only.train]\n{train}'))
    before = bench.weights()
    bench.runner.iterate(0)
    assert bench.moved(before) == moved


def test_frozen_modules_are_in_eval_mode_without_gradients_and_let_gradients_through(toy: Toy) -> None:
    bench = Bench(toy(), "without=['phases.main.train.decoder']", "phases.main.train.encoder.kl=0")
    assert not bench.modules["decoder"].training
    assert bench.modules["encoder"].training
    assert not any(parameter.requires_grad for parameter in bench.modules["decoder"].parameters())
    before = bench.weights()
    bench.runner.steps[0].execute(0)
    assert all(parameter.grad is None for parameter in bench.modules["decoder"].parameters())
    gradients = [parameter.grad for parameter in bench.modules["encoder"].parameters()]
    assert all(gradient is not None and gradient.any() for gradient in gradients)
    assert bench.moved(before) == set()


def test_a_module_frozen_in_one_phase_is_trained_in_the_next(toy: Toy) -> None:
    path = toy("[phases.first]\nepochs = 1\ntrain = { decoder = { rec = 1 } }")
    bench = Bench(path, "order=['first', 'main']", phase=0)
    assert not bench.modules["encoder"].training
    PhaseRunner(bench.setting, bench.plan.phases[1], lambda step: Numbered(), None)
    assert bench.modules["encoder"].training
    assert all(parameter.requires_grad for parameter in bench.modules["encoder"].parameters())


def expected_after_one_step(bench: Bench, step: int, count: int, rate: float) -> dict[str, dict[str, Tensor]]:
    """Plain gradient descent on each row by itself, all gradients from the weights before."""
    plan_step = bench.runner.phase.steps[step]
    key = (0, bench.runner.phase.name, plan_step.name)
    program = Program(bench.plan, bench.modules, key=key)
    result = bench.weights()
    for module, row in plan_step.rows.items():
        execution = Execution(make_batch(count), count)
        total = sum(weight * program.losses[name](execution) for name, weight in row.items())
        parameters = dict(bench.modules[module].named_parameters())
        gradients = torch.autograd.grad(total, list(parameters.values()))  # type: ignore[arg-type]
        for name, gradient in zip(parameters, gradients, strict=True):
            result[module][name] -= rate * gradient
    return result


OPPOSED = """
[modules.critic]
use = "mlp_encoder"
outputs = 1
hidden = [5]
[tensors]
told = "critic(z)"
[losses.fool]
use = "l2(told, critic(detach(z)))"
[losses.tell]
use = "l1(told, detach(multiply(told, told)))"
[phases.main.train]
encoder = { rec = 3, kl = 0.5, fool = 1 }
decoder = { rec = 1 }
critic = { tell = 2 }
"""


def test_all_gradients_come_before_all_steps(toy: Toy) -> None:
    """With several backwards over one graph, stepping in between would change or break the later ones."""
    bench = Bench(toy(SGD + OPPOSED))
    assert len(bench.runner.phase.steps[0].backwards) == 2
    expected = expected_after_one_step(bench, 0, 0, rate=0.1)
    bench.runner.iterate(0)
    for name, weights in bench.weights().items():
        for key, value in weights.items():
            torch.testing.assert_close(value, expected[name][key], msg=f"{name}.{key}")


def test_gradients_do_not_pile_up_over_iterations_or_steps(toy: Toy) -> None:
    path = toy(
        """
        without = ["phases.main"]
        [optimizer]
        use = "sgd"
        lr = 0.1
        [phases.two]
        epochs = 1
        [phases.two.steps.a.train]
        encoder = { kl = 1 }
        [phases.two.steps.b.train]
        encoder = { rec = 1 }
        decoder = { rec = 1 }
        """
    )
    bench = Bench(path)
    for iteration in range(2):
        for step in (0, 1):
            expected = expected_after_one_step(bench, step, iteration, rate=0.1)
            bench.runner.steps[step].execute(iteration)
            bench.runner.steps[step].update()
            for name, weights in bench.weights().items():
                for key, value in weights.items():
                    torch.testing.assert_close(value, expected[name][key], msg=f"{name}.{key}")


def test_every_execution_draws_its_own_batch(toy: Toy) -> None:
    path = toy(
        """
        without = ["phases.main"]
        [phases.two]
        epochs = 1
        [phases.two.steps.inner]
        repeat = 3
        train = { encoder = { kl = 1 } }
        [phases.two.steps.joint.train]
        encoder = { rec = 1 }
        """
    )
    bench = Bench(path)
    bench.runner.iterate(0)
    bench.runner.iterate(1)
    assert bench.sources["inner"].asked == [0, 1, 2, 3, 4, 5]
    assert bench.sources["joint"].asked == [0, 1]


def test_each_repeat_takes_a_step(toy: Toy, register: Register) -> None:
    calls: list[float] = []

    def watched(a: Tensor, b: Tensor) -> Tensor:
        loss = (a - b).square().mean()
        calls.append(float(loss.detach()))
        return loss

    register("loss", "watched", watched)
    text = '[losses.rec]\nuse = "watched(point_again, point)"\n[tensors]\npoint_again = "net(point)"\n'
    text += '[modules.net]\nuse = "mlp_encoder"\noutputs = 3\n[phases.main]\n[phases.main.train]\nnet = { rec = 1 }\n'
    bench = Bench(
        toy(text), "phases.main.repeat=4", "without=['phases.main.train.encoder','phases.main.train.decoder']"
    )
    before = bench.weights()
    bench.runner.iterate(0)
    assert len(calls) == 4
    assert bench.moved(before) == {"net"}
    assert bench.runner.losses()["rec"] == pytest.approx(sum(calls) / 4)


# --- the trial ---


def test_a_trial_puts_buffers_back_and_moves_nothing(toy: Toy) -> None:
    path = toy(
        """
        [modules.encoder]
        use = "conv_encoder"
        widths = [4]
        outputs = 4
        """
    )
    bench = Bench(path)
    before = bench.weights()
    assert any("running_mean" in key for key in before["encoder"])
    bench.runner.try_out()
    assert bench.moved(before) == set()
    assert all(parameter.grad is None for module in bench.modules.values() for parameter in module.parameters())
    bench.runner.iterate(0)
    untried = Bench(path)
    untried.runner.iterate(0)
    assert bench.moved(untried.weights()) == set(), "trying out first changes nothing of what follows"


# --- optimisers ---


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
    average = bench.runner.optimizers["encoder"].average
    assert average.keys() == expected.keys()
    for key, value in average.items():
        torch.testing.assert_close(value, expected[key])
        assert not torch.equal(value, bench.weights()["encoder"][key])
    assert bench.runner.optimizers["decoder"].average == {}


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
    optimizer = bench.runner.optimizers["encoder"]
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
    with pytest.raises(UserError, match="no parameter is called 'wieght'; there is: layers") as refused:
        Bench(path)
    assert "modules.encoder" in refused.value.text()


def test_a_module_without_parameters_cannot_be_trained(toy: Toy) -> None:
    with pytest.raises(UserError, match="has no parameters, so no loss can train it"):
        Bench(toy(), "phases.main.train.prior={kl=1}")


# --- losses and validation ---


def test_losses_are_means_since_they_were_last_asked_for(toy: Toy) -> None:
    bench, single = Bench(toy(SGD)), Bench(toy(SGD))
    values = []
    for iteration in range(3):
        bench.runner.iterate(iteration)
        single.runner.iterate(iteration)
        values.append(single.runner.losses())
    for name, value in bench.runner.losses().items():
        assert value == pytest.approx(sum(one[name] for one in values) / 3)


def test_a_loss_that_is_not_finite_is_named(toy: Toy, register: Register) -> None:
    def breaking(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).mean() / 0

    register("loss", "breaking", breaking)
    bench = Bench(toy('[losses.kl]\nuse = "breaking(z, z)"'))
    bench.runner.iterate(0)
    with pytest.raises(UserError) as refused:
        bench.runner.losses()
    assert [problem.where for problem in refused.value.problems] == ["losses.kl", ""]
    assert "became inf in phase 'main'" in refused.value.text()


def test_a_step_that_float32_cannot_hold_is_told(toy: Toy) -> None:
    bench = Bench(toy('[optimizer]\nuse = "adam"\nlr = 1e38'))
    with pytest.raises(UserError, match="a smaller rate would fit") as refused:
        bench.runner.iterate(0)
    assert refused.value.problems[0].where.startswith("the optimizer of ")


def test_validation_is_the_mean_over_rows_in_eval_mode_with_posterior_means(toy: Toy) -> None:
    bench = Bench(toy(), "phases.main.validate={loss='rec'}")
    program = Program(bench.plan, bench.modules, training=False)
    with torch.no_grad():
        losses = [float(program.losses["rec"](Execution(make_batch(count)))) for count in (100, 101)]
    value, best = bench.runner.validate()
    assert value == pytest.approx(sum(losses) / 2)
    assert best
    assert bench.runner.validate() == (value, False), "no draw, no change"
    assert bench.modules["encoder"].training


def test_the_best_weights_are_kept_and_patience_runs_out(toy: Toy) -> None:
    bench = Bench(toy(), "phases.main.validate={loss='rec', keep='best', patience=2}", "optimizer.lr=0.5")
    values, kept = [], {}
    for iteration in range(40):
        value, best = bench.runner.validate()
        values.append(value)
        if best:
            kept = bench.weights()
            assert value == min(values)
        if bench.runner.out_of_patience:
            break
        bench.runner.iterate(iteration)
    assert bench.runner.out_of_patience
    assert len(values) - 1 - values.index(min(values)) == 2
    assert bench.moved(kept)
    bench.runner.finish()
    assert bench.moved(kept) == set()


# --- dropout ---


def test_dropout_depends_on_the_execution_alone(toy: Toy, register: Register) -> None:
    register("encoder", "dropping", Dropping)
    path = toy('[modules.encoder]\nuse = "dropping"\noutputs = 4')

    def losses(*iterations: int) -> list[dict[str, float]]:
        bench = Bench(path, "optimizer.lr=0.0")
        bench.runner.try_out()
        torch.rand(3)
        found = []
        for iteration in iterations:
            bench.runner.iterate(iteration)
            found.append(bench.runner.losses())
        return found

    first = losses(0, 1, 2, 3)
    torch.manual_seed(1)
    assert losses(2, 3) == first[2:]
    bench = Bench(path, "optimizer.lr=0.0")
    bench.runner.try_out()
    bench.sources["step"].batch = lambda count: make_batch(0)  # type: ignore[method-assign]
    values = []
    for iteration in range(2):
        bench.runner.iterate(iteration)
        values.append(bench.runner.losses()["kl"])
    assert values[0] != values[1], "each execution drops others"
