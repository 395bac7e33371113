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
from semreg.training.program import Execution, Program
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
