"""One phase: who moves and in which mode, what a trial puts back, how validation ends it, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import UserError
from semreg.training.phase import PhaseRunner
from semreg.training.program import Program
from semreg.training.waits import counted_waits
from tests.training.bench import Bench, Numbered, make_batch

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


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
    PhaseRunner(bench.setting, bench.plan.phases[1], lambda step: Numbered(make_batch, torch.device("cpu")), None)
    assert bench.modules["encoder"].training
    assert all(parameter.requires_grad for parameter in bench.modules["encoder"].parameters())


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


# --- losses and validation ---


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


def test_validation_is_the_mean_over_rows_in_eval_mode_with_posterior_means(toy: Toy) -> None:
    bench = Bench(toy(), "phases.main.validate={loss='rec'}")
    program = Program(bench.plan, bench.modules, training=False)
    with torch.no_grad():
        losses = [float(program.losses["rec"](program.execution(make_batch(count)))) for count in (100, 101)]
    with counted_waits() as found:
        values, best = bench.runner.validate()
    assert [count for wait, count in found.items() if wait.operation == "tolist"] == [1], "for all batches together"
    assert values == {"rec": pytest.approx(sum(losses) / 2)}
    assert best
    assert bench.runner.validate() == (values, False), "no draw, no change"
    assert bench.modules["encoder"].training


def test_the_best_weights_are_kept_and_patience_runs_out(toy: Toy) -> None:
    bench = Bench(toy(), "phases.main.validate={loss='rec', keep='best', patience=2}", "optimizer.lr=0.5")
    values, kept = [], {}
    for iteration in range(40):
        found, best = bench.runner.validate()
        value = found["rec"]
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


def test_of_several_validated_losses_the_least_sum_is_the_best(toy: Toy) -> None:
    bench = Bench(toy(), "phases.main.validate={loss=['rec', 'kl'], patience=1}", "optimizer.lr=0.5")
    sums: list[float] = []
    while not bench.runner.out_of_patience:
        values, best = bench.runner.validate()
        assert list(values) == ["rec", "kl"]
        assert best == (not sums or sum(values.values()) < min(sums))
        sums.append(sum(values.values()))
        bench.runner.iterate(len(sums) - 1)
    assert sums[-1] >= sums[-2]


# --- how much of it is gone ---


def test_a_component_that_asks_is_told_how_much_of_the_phase_is_gone(toy: Toy, register: Register) -> None:
    """Three iterations are an epoch, and the phase has two; where nothing is trained it is over."""
    told: list[float] = []

    def followed(a: Tensor, b: Tensor, *, least: float = 0.0, progress: Tensor | float = 1.0) -> Tensor:
        told.append(float(progress))
        return (a - b).square().mean().clamp(min=least)

    register("loss", "followed", followed)
    bench = Bench(toy('[losses.rec]\nuse = "followed(reconstruction, image)"\nleast = 0.1'), "phases.main.epochs=2")
    for iteration in (0, 1, 5, 3):  # whatever came before, so that a run goes on as if it had not stopped
        bench.runner.iterate(iteration)
    assert told == pytest.approx([0, 1 / 6, 5 / 6, 1 / 2])
    idle = Program(bench.plan, bench.modules, training=False)
    idle.losses["rec"](idle.execution(make_batch(0)))
    assert told[-1] == 1
    with pytest.raises(UserError, match="progress"):
        Bench(bench.plan.recipe.path, "losses.rec.progress=0.5")
