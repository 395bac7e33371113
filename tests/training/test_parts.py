"""Two processes compute what one does, of what couples the rows of a batch, too, and draw what one draws."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.families import FAMILIES, NO_DATA
from semreg.core import ImageField
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import PhasePlan, Plan, StepPlan
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.parts import CutDraws, over_processes
from semreg.training.phase import PhaseRunner
from semreg.training.processes import ALONE, Processes
from semreg.training.setting import Setting
from semreg.training.trial import evaluation_program, precompute
from tests.training.test_processes import in_processes

with_gloo = pytest.mark.skipif(
    not dist.is_available() or not dist.is_gloo_available(), reason="PyTorch has no gloo here"
)

ROWS = 16
COUPLED = ("atnl_mnist", "mnist/vae_tl", "mnist/acai", "gm_mnist_without_leakage")
"""Of the families: triplets by angles and by distances, permutations, and predictability."""

# --- draws ---

DRAWS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "rand": lambda rows, g: torch.rand(rows, 3, generator=g),
    "rand of a size": lambda rows, g: torch.rand((rows, 3), generator=g),
    "rand along another axis": lambda rows, g: torch.rand(5, rows, generator=g).T,
    "randn": lambda rows, g: torch.randn(size=(rows, 2), generator=g),
    "randint": lambda rows, g: torch.randint(9, (rows,), generator=g),
    "normal": lambda rows, g: torch.normal(0.0, 2.0, (rows, 3), generator=g),
    "normal around means": lambda rows, g: torch.normal(torch.ones(rows, 3), 2.0, generator=g),
    "bernoulli": lambda rows, g: torch.bernoulli(torch.full((rows, 3), 0.4), generator=g),
    "normal_": lambda rows, g: torch.zeros(rows, 4).normal_(generator=g),
    "uniform_ by torch.nn.init": lambda rows, g: nn.init.uniform_(torch.zeros(rows, 2), 2, 3, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
@settings(deadline=None, max_examples=15)
@given(rows=st.integers(6, 40), count=st.integers(2, 4), seed=st.integers(0, 2**31))
def test_processes_draw_what_one_does(name: str, rows: int, count: int, seed: int) -> None:
    parts = []
    for rank in range(count):
        generator = torch.Generator().manual_seed(seed)
        with CutDraws(generator, Processes(rank, count), rows):
            parts.append(DRAWS[name](rows, generator))
    assert torch.equal(torch.cat(parts), DRAWS[name](rows * count, torch.Generator().manual_seed(seed)))


def test_a_tensor_that_is_filled_is_the_one_that_was_given() -> None:
    generator, filled = torch.Generator(), torch.zeros(6, 2)
    with CutDraws(generator, Processes(1, 2), 6):
        assert filled.uniform_(1, 2, generator=generator) is filled
    assert filled.min() >= 1


def test_draws_of_no_rows_and_of_other_generators_are_left_alone() -> None:
    generator, other = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    with CutDraws(generator, Processes(1, 2), 6):
        shared, others = torch.rand(4, 3, generator=generator), torch.rand(6, generator=other)
        classes = torch.multinomial(torch.ones(6), 3, generator=generator)
    assert torch.equal(shared, torch.rand(4, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(others, torch.rand(6, generator=torch.Generator().manual_seed(0)))
    assert classes.max() < 6


# --- calls ---


class Posterior(NamedTuple):
    mean: Tensor
    spread: Tensor


def coupled(posterior: Posterior, labels: Tensor, scale: nn.Module) -> Posterior:
    """Rows by the mean of all."""
    mean = scale(posterior.mean - posterior.mean.mean(0)) * labels.sum()
    return Posterior(mean, posterior.spread.bfloat16().flip(0))


coupled.couples_rows = True  # type: ignore[attr-defined]


def test_one_process_calls_a_component_itself() -> None:
    assert over_processes(coupled, coupled, ALONE) is coupled
    assert over_processes(len, len, Processes(1, 2)) is len


@with_gloo
def test_a_component_that_couples_rows_gets_all_of_them_and_gives_the_gradient_of_one_process() -> None:
    def compute(call: Callable[..., Any], own: slice, processes: Processes) -> list[Tensor]:
        torch.manual_seed(0)
        inner, scale = nn.Linear(3, 3).double(), nn.Linear(3, 3).double()
        mean, spread = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 2)
        weights, labels = torch.randn(8, 3, dtype=torch.float64), torch.arange(8) > 2
        made = call(Posterior(inner(mean[own]), spread[own]), labels[own], scale)
        assert made.spread.dtype == torch.bfloat16
        (made.mean * weights[own]).sum(1).mean().backward()
        parameters = [*inner.parameters(), *scale.parameters()]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        assert len(gradients) == len(parameters)
        processes.average(gradients)
        return [made.mean[:2], made.spread[:2], *gradients]

    def compare(rank: int) -> None:
        dist.init_process_group("gloo")
        processes = Processes(rank, 2)
        two = compute(over_processes(coupled, coupled, processes), slice(4 * rank, 4 * rank + 4), processes)
        one = compute(coupled, slice(None), ALONE)
        first = 0 if rank == 0 else 2  # of the rows, the first process has those that are compared
        for a, b in zip(two[first:], one[first:], strict=True):
            torch.testing.assert_close(a, b)

    assert in_processes(2, compare) == [0, 0]


# --- recipes ---


class MadeUp:
    """Batches of made-up rows, of which a process has its part."""

    per_epoch = 3

    def __init__(self, setting: Setting, phase: PhasePlan, step: StepPlan) -> None:
        self.setting, self.phase = setting, phase

    def batch(self, count: int) -> dict[str, Any]:
        """Batch number `count`."""
        plan, processes = self.setting.plan, self.setting.processes
        generator = torch.Generator().manual_seed(count)
        made: dict[str, Tensor] = {}
        for name, like in synthetic_batch(plan.fields, plan.value_range).items():
            field: Any = plan.fields[name]
            if like.is_floating_point():
                made[name] = torch.rand(ROWS, *like.shape[1:], generator=generator)
                made[name] = made[name] if isinstance(field, ImageField) else made[name].round()
            else:
                made[name] = torch.randint(len(field.names), (ROWS,), generator=generator)
        in_float64(made)
        if self.phase.precompute:
            program = evaluation_program(self.setting)
            made |= precompute(self.setting, program, self.phase.precompute, program.execution(made))
            in_float64(made)
        own = slice(processes.rank * ROWS // processes.count, (processes.rank + 1) * ROWS // processes.count)
        return {name: value[own] for name, value in made.items()}


def in_float64(batch: dict[str, Tensor]) -> None:
    """Make its floats float64, in which rounding is far below any other difference."""
    batch |= {name: value.double() for name, value in batch.items() if value.is_floating_point()}


def gradients(plan: Plan, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Mapping[tuple[str, ...], Tensor]:
    """Of every step of every phase, by phase, step, module and parameter, with its losses. Nets draw nothing."""
    found: dict[tuple[str, ...], Tensor] = {}
    modules = build_modules(plan, seed=0)
    for module in modules.values():
        module.double()
    setting = Setting(plan, modules, 0, torch.device("cpu"), "fp32", processes)
    for phase in plan.phases:
        runner = PhaseRunner(setting, phase, lambda step, phase=phase: MadeUp(setting, phase, step), None)  # type: ignore[misc]
        for part in (part for module in modules.values() for part in module.modules()):
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.Dropout):
                part.training = False
                monkeypatch.setattr(part, "train", lambda mode=True: None)  # precomputing sets modes again
        for step in runner.steps:
            losses = zip(step.losses, step.execute(0), strict=True)
            found |= {(phase.name, step.step.name, name): loss for name, loss in losses}
            for name, parameter in nn.ModuleDict(modules).named_parameters():
                if parameter.grad is not None:
                    found[phase.name, step.step.name, name], parameter.grad = parameter.grad, None
    return found


def plan_of_family(name: str) -> Plan:
    changes = [one for one in FAMILIES[name] if not one.startswith(("evaluate", "without"))]
    recipe = load_recipe(name, [*changes, 'without=["evaluate"]'])
    return check(recipe, data_root=Path(NO_DATA), fallback=recipe.has_fallback)


def compare_families(names: Collection[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plans = {name: plan_of_family(name) for name in names}

    def compare(rank: int) -> None:
        dist.init_process_group("gloo")
        for name, plan in plans.items():
            two = gradients(plan, Processes(rank, 2), monkeypatch)
            if rank:
                continue
            one = gradients(plan, ALONE, monkeypatch)
            assert one.keys() == two.keys()
            for key, value in one.items():
                torch.testing.assert_close(two[key], value, rtol=1e-6, atol=1e-9, msg=f"{name}: {'.'.join(key)}")

    assert in_processes(2, compare) == [0, 0]


@with_gloo
@pytest.mark.usefixtures("no_hooks")
def test_two_processes_have_the_gradients_of_one_where_losses_couple_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    compare_families(COUPLED, monkeypatch)


@with_gloo
@pytest.mark.slow
@pytest.mark.usefixtures("no_hooks")
def test_two_processes_have_the_gradients_of_one_in_every_family(monkeypatch: pytest.MonkeyPatch) -> None:
    compare_families([name for name in FAMILIES if name not in COUPLED], monkeypatch)
