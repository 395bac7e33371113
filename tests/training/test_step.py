"""One step: its batches, its losses and every gradient before any weight moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import UserError
from semreg.core.errors import ComponentError
from semreg.training.program import Program
from tests.running.faults import Dropping
from tests.training.bench import SGD, Bench, make_batch

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def expected_after_one_step(bench: Bench, step: int, count: int, rate: float) -> dict[str, dict[str, Tensor]]:
    """Plain gradient descent on each row by itself, all gradients from the weights before."""
    plan_step = bench.runner.phase.steps[step]
    key = (0, bench.runner.phase.name, plan_step.name)
    program = Program(bench.plan, bench.modules, key=key)
    result = bench.weights()
    for module, row in plan_step.rows.items():
        execution = program.execution(make_batch(count), count)
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
            bench.runner.steps[step].update(iteration)
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


def test_losses_are_means_since_they_were_last_asked_for(toy: Toy) -> None:
    bench, single = Bench(toy(SGD)), Bench(toy(SGD))
    values = []
    for iteration in range(3):
        bench.runner.iterate(iteration)
        single.runner.iterate(iteration)
        values.append(single.runner.losses())
    for name, value in bench.runner.losses().items():
        assert value == pytest.approx(sum(one[name] for one in values) / 3)


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


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (KeyError("k"), UserError, r"it failed: KeyError: 'k'"),
        (SystemExit(0), ComponentError, r"it called sys.exit\(0\)"),
    ],
)
def test_a_gradient_that_fails_names_its_losses(
    error: BaseException, kind: type[UserError], said: str, toy: Toy, register: Register
) -> None:
    class Sour(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, value: Tensor) -> Tensor:
            return value.view_as(value)

        @staticmethod
        def backward(context: Any, *gradients: Tensor) -> Any:
            raise error

    register("loss", "sour", lambda a: Sour.apply(a.mean()))
    bench = Bench(toy("[losses.rec]\nuse = 'sour(reconstruction)'"))
    for attempt in (bench.runner.try_out, lambda: bench.runner.iterate(0)):
        with pytest.raises(UserError, match=rf"losses\.rec  'sour\(reconstruction\)': its gradient .*: {said}") as told:
            attempt()
        assert type(told.value) is kind


# --- several batches an update ---

MEANS = '[tensors]\nz = "posterior_mean(posterior)"\n'
"""Nothing is drawn, so that the same images are the same numbers, in however many batches."""


def joined(count: int) -> dict[str, Any]:
    """Three batches as one."""
    parts = [make_batch(3 * count + k) for k in range(3)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def assert_same_weights(one: Bench, other: Bench) -> None:
    for name, weights in one.weights().items():
        for key, value in weights.items():
            torch.testing.assert_close(value, other.weights()[name][key], msg=f"{name}.{key}", rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_three_batches_an_update_are_one_batch_of_them_for_losses_per_sample(toy: Toy, optimizer: str) -> None:
    rate = {"sgd": 0.1, "adam": 0.01, "lbfgs": 0.1}[optimizer]
    path = toy(f'{MEANS}[optimizer]\nuse = "{optimizer}"\nlr = {rate}\nclip = 0.5')
    three, one = Bench(path, "phases.main.accumulate=3"), Bench(path, make=joined)
    before = three.weights()
    for iteration in range(2):
        three.runner.iterate(iteration)
        one.runner.iterate(iteration)
    assert three.moved(before) == {"encoder", "decoder"}
    assert_same_weights(three, one)
    assert three.runner.losses() == pytest.approx(one.runner.losses(), rel=1e-5)
    if optimizer != "lbfgs":
        assert three.sources["step"].asked == [0, 1, 2, 3, 4, 5]


def test_each_batch_of_an_update_is_seen_and_drawn_for_by_itself(toy: Toy, register: Register) -> None:
    sizes, draws = [], []

    def watching(a: Tensor, *, generator: torch.Generator) -> Tensor:
        sizes.append(len(a))
        draws.append(float(torch.rand((), generator=generator)))
        return a.square().mean()

    register("loss", "watching", watching)
    path = toy('[losses.rec]\nuse = "watching(reconstruction)"\n[phases.main]\naccumulate = 2')
    bench = Bench(path)
    bench.runner.iterate(0)
    bench.runner.iterate(1)
    assert sizes == [6, 6, 6, 6]
    assert len(set(draws)) == 4
    alone = Bench(path, "phases.main.accumulate=1")
    draws.clear()
    for iteration in range(4):
        alone.runner.iterate(iteration)
    assert len(set(draws)) == 4


# --- weights with a course ---


def test_a_weight_follows_its_course_and_the_matrix_says_so(toy: Toy) -> None:
    """Three iterations are an epoch: the weight rises by a third of a tenth in each."""
    path = toy(f"{SGD}{MEANS}[phases.main.train.encoder]\nkl = {{ weight = 0.4, warmup = 2 }}")
    bench = Bench(path)
    for iteration in range(4):
        fixed = Bench(path, f"phases.main.train.encoder.kl={0.4 * min(iteration / 3 / 2, 1)}")
        for name, module in fixed.modules.items():
            module.load_state_dict(bench.modules[name].state_dict())
        bench.runner.iterate(iteration)
        fixed.runner.iterate(iteration)
        assert_same_weights(bench, fixed)
    assert bench.plan.matrix()["main"]["step"]["encoder"]["kl"] == {"weight": 0.4, "use": "warmup", "warmup": 2}


# --- optimisers that compute losses again ---


def test_lbfgs_descends_as_pytorchs_own_on_each_modules_losses(toy: Toy) -> None:
    path = toy(f'{MEANS}[optimizer]\nuse = "lbfgs"\nlr = 0.5\nmax_iter = 4')
    bench, expected = Bench(path), Bench(path)
    program = Program(expected.plan, expected.modules, key=(0, "main", "step"))
    for iteration in range(2):
        bench.runner.iterate(iteration)
        for module, row in expected.plan.phases[0].steps[0].rows.items():
            optimizer = expected.optimizer(module).optimizer

            def closure(row: Any = row, optimizer: Any = optimizer, count: int = iteration) -> Tensor:
                optimizer.zero_grad()
                execution = program.execution(make_batch(count), count)
                total = torch.stack([weight * program.losses[name](execution) for name, weight in row.items()]).sum()
                total.backward()
                return total

            optimizer.step(closure)
    assert_same_weights(bench, expected)
    assert bench.runner.losses()["rec"] < 1
    assert [backward.modules for backward in bench.plan.phases[0].steps[0].backwards] == [("encoder",), ("decoder",)]


def test_one_module_of_a_step_may_have_such_an_optimiser(toy: Toy) -> None:
    path = toy(f'{SGD}[modules.decoder.optimizer]\nuse = "lbfgs"\nlr = 0.5')
    bench, plain = Bench(path), Bench(toy(SGD))
    bench.runner.iterate(0)
    plain.runner.iterate(0)
    assert_same = {
        key: torch.equal(v, plain.weights()["encoder"][key]) for key, v in bench.weights()["encoder"].items()
    }
    assert all(assert_same.values()), "the encoder's gradient is of the decoder before its step"
    assert bench.moved(plain.weights()) == {"decoder"}


def test_a_loss_that_fails_in_a_closure_is_named_itself(toy: Toy, register: Register) -> None:
    calls = []

    def failing(a: Tensor, b: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("no more")
        return (a - b).square().mean()

    register("loss", "failing", failing)
    bench = Bench(toy('[losses.rec]\nuse = "failing(reconstruction, image)"\n[optimizer]\nuse = "lbfgs"'))
    with pytest.raises(UserError, match=r"losses\.rec  'failing\(reconstruction, image\)' failed on .*: no more"):
        bench.runner.iterate(0)


def test_batch_norm_counts_a_batch_once_however_often_a_closure_sees_it(toy: Toy) -> None:
    text = '[modules.encoder]\nuse = "conv_encoder"\nwidths = [4]\noutputs = 4\n[optimizer]\nuse = "lbfgs"\nlr = 0.1'
    bench = Bench(toy(text))
    bench.runner.iterate(0)
    bench.runner.iterate(1)
    counters = [value for key, value in bench.weights()["encoder"].items() if key.endswith("num_batches_tracked")]
    assert counters
    assert {int(counter) for counter in counters} == {2}


# --- float16 ---


def test_gradients_in_float16_are_scaled_and_a_step_that_overflows_is_left_out(toy: Toy) -> None:
    half, full = Bench(toy(SGD), precision="fp16"), Bench(toy(SGD))
    scaler = half.runner.steps[0].scaler
    assert scaler is not None
    half.runner.iterate(0)
    full.runner.iterate(0)
    for name, weights in half.weights().items():
        for key, value in weights.items():
            torch.testing.assert_close(value, full.weights()[name][key], rtol=0, atol=2e-3)
    before, scale = half.weights(), scaler.get_scale()
    scaler.update(1e38)
    half.runner.iterate(1)
    assert half.moved(before) == set()
    assert scaler.get_scale() == pytest.approx(5e37)
    assert half.runner.state()["scalers"]["step"]["scale"] == scaler.get_scale() != scale
    again = Bench(toy(SGD), precision="fp16")
    again.runner.load_state(half.runner.state())
    assert again.runner.steps[0].scaler.get_scale() == scaler.get_scale()  # type: ignore[union-attr]


def test_what_computes_gradients_again_is_refused_in_float16(toy: Toy) -> None:
    with pytest.raises(UserError, match="it computes gradients again, which can't be scaled for fp16"):
        Bench(toy('[optimizer]\nuse = "lbfgs"'), precision="fp16")


def test_weights_of_a_loss_get_no_gradient_and_no_memory(toy: Toy, register: Register) -> None:
    nets = []

    class Perceptual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = torch.nn.Linear(16, 3)
            nets.append(self)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return (self.features(a.flatten(1)) - self.features(b.flatten(1))).square().mean()

    register("loss", "perceptual", Perceptual)
    bench = Bench(toy('[losses.rec]\nuse = "perceptual(reconstruction, image)"'))
    before = bench.weights()
    bench.runner.iterate(0)
    assert bench.moved(before) == {"encoder", "decoder"}
    assert all(parameter.grad is None for net in nets for parameter in net.parameters())
