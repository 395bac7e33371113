"""Quantisers: nearest vectors by plain loops, averages, vectors out of use, levels, and runs that go on."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_vae.quantizers import FiniteScalarQuantizer, ResidualQuantizer, VectorQuantizer
from torch import Tensor

from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting
from semreg.training.trial import OneBatch

RECIPES = Path(__file__).parents[3] / "recipes" / "quantized"
seeds = st.integers(0, 2**31)


def codes_of(seed: int, rows: int, *shape: int) -> Tensor:
    return torch.randn(rows, *(shape or (3,)), generator=torch.Generator().manual_seed(seed))


def residual(size: int = 5, stages: int = 2, shape: tuple[int, ...] = (3,), **options: Any) -> ResidualQuantizer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = ResidualQuantizer(size=size, stages=stages, input_shapes=[shape], **options)
        for stage in made.stages:
            stage._codebook.embed.data.normal_()
            stage._codebook.embed_avg.copy_(stage._codebook.embed.data)
        return made


@settings(max_examples=15)
@given(seed=seeds, rows=st.integers(1, 4), maps=st.booleans())
def test_each_stage_has_the_nearest_vector_to_what_is_left(seed: int, rows: int, maps: bool) -> None:
    made = residual(shape=(3, 2, 2) if maps else (3,)).eval()
    codes = codes_of(seed, rows, *made.shape)
    q = made(codes)
    places = codes.movedim(1, -1).reshape(-1, 3)
    indices, parts = q.indices.movedim(1, -1).reshape(-1, 2), q.parts.movedim(2, -1).movedim(1, -2).reshape(-1, 2, 3)
    for place, chosen, vectors in zip(places, indices, parts, strict=True):
        left = place
        for stage, (index, vector) in enumerate(zip(chosen, vectors, strict=True)):
            book = made.stages[stage]._codebook.embed[0]
            distances = (book - left).square().sum(1)
            assert distances[index] <= distances.min() + 1e-5
            torch.testing.assert_close(vector, book[index])
            left = left - vector


def test_averages_are_those_of_the_codes_that_a_vector_stands_for() -> None:
    made = residual(stages=1, decay=0.9).train()
    book, codes = made.stages[0]._codebook, codes_of(1, 20)
    vectors, counts, sums = book.embed[0].clone(), book.cluster_size[0].clone(), book.embed_avg[0].clone()
    indices = made(codes).indices[:, 0]
    for k in range(5):
        counts[k] = 0.9 * counts[k] + 0.1 * (indices == k).sum()
        sums[k] = 0.9 * sums[k] + 0.1 * codes[indices == k].sum(0)
    torch.testing.assert_close(book.cluster_size[0], counts)
    torch.testing.assert_close(book.embed[0], sums / counts[:, None], rtol=1e-3, atol=1e-4)
    assert not torch.equal(book.embed[0], vectors)
    before = copy.deepcopy(made.state_dict())
    made.eval()(codes)
    assert all(torch.equal(before[key], value) for key, value in made.state_dict().items())


def test_vectors_out_of_use_become_codes_of_the_batch() -> None:
    made = residual(size=50, stages=1, decay=0.5, least_use=0.3).train()
    codes, book = codes_of(0, 8) + 10, made.stages[0]._codebook
    for _ in range(3):
        torch.manual_seed(0)
        made(codes)
    nearest = (book.embed[0][:, None] - codes).square().sum(2).min(1).values
    assert float(nearest.median()) < 1e-3
    assert len(made.eval()(codes).indices.unique()) > 1


def test_a_codebook_by_gradient_has_parameters_and_one_of_averages_none() -> None:
    assert not list(residual().parameters())
    assert len(list(residual(learns="gradient").parameters())) == 2


@settings(max_examples=15)
@given(seed=seeds, levels=st.lists(st.integers(3, 9), min_size=1, max_size=3))
def test_finite_scalars_take_their_levels_and_no_other_and_indices_tell_them_apart(
    seed: int, levels: list[int]
) -> None:
    made = FiniteScalarQuantizer(levels=levels, input_shapes=[(len(levels),)])
    q = made(3 * codes_of(seed, 200, len(levels)))
    for values, level in zip(q.codes.mT, levels, strict=True):
        steps = values * (level // 2) + level // 2
        torch.testing.assert_close(steps, steps.round())
        assert 0 <= float(steps.min()) <= float(steps.max()) <= level - 1
    assert made.sizes == (math.prod(levels),)
    rows = {tuple(row) for row in q.codes.tolist()}
    assert len(rows) == len(q.indices.unique())
    assert int(q.indices.max()) < made.sizes[0]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: FiniteScalarQuantizer(levels=[5, 5], input_shapes=[(3,)]), "2 levels are given, and the codes have 3"),
        (lambda: FiniteScalarQuantizer(levels=[99] * 4, input_shapes=[(4,)]), "more than 2²⁴"),
        (lambda: VectorQuantizer(size=4, input_shapes=[(3, 2)]), "takes one code"),
        (lambda: VectorQuantizer(size=4, input_shapes=[(3,), (3,)]), "takes one code"),
        (lambda: residual(learns="gradient", least_use=1.0), "least_use is of averages"),
        (lambda: residual(learns="ema"), "found 'ema'"),
        (lambda: residual()(torch.zeros(2, 4)), "it is built for these codes"),
    ],
)
def test_what_does_not_fit_is_told(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def phase_of(name: str, *overrides: str) -> PhaseRunner:
    plan = check(load_recipe(RECIPES / f"{name}.toml", ["data.batch_size=4", *overrides]))
    setting = Setting(plan, build_modules(plan, seed=0), 0, torch.device("cpu"), "fp32")
    batch = synthetic_batch(plan.fields, plan.value_range)
    return PhaseRunner(
        setting, plan.phases[0], lambda step: OneBatch(setting, plan.phases[0], lambda *_: batch, step), None
    )


def states(runner: PhaseRunner) -> dict[str, Tensor]:
    found = {}
    for name, module in runner.setting.modules.items():
        found |= {f"{name}.{key}": value.clone() for key, value in module.state_dict().items()}
    return found


@pytest.mark.parametrize("name", ["vq", "vq_gradient", "residual"])
def test_its_codebook_learns_with_what_makes_its_codes_and_a_trial_leaves_no_trace(name: str) -> None:
    runner = phase_of(name)
    before = states(runner)
    runner.try_out()
    after_trial = states(runner)
    assert all(torch.equal(value, after_trial[key]) for key, value in before.items())
    runner.iterate(0)
    after = states(runner)
    books = [key for key in after if key.endswith("embed")]
    assert books
    assert not any(torch.equal(before[key], after[key]) for key in books)


def test_a_codebook_of_averages_stays_where_its_codes_are_frozen() -> None:
    runner = phase_of("vq", "without=['phases.main.train.encoder']")
    assert not runner.setting.modules["codebook"].training
    before = states(runner)
    runner.iterate(0)
    after = states(runner)
    assert torch.equal(before["codebook.stages.0._codebook.embed"], after["codebook.stages.0._codebook.embed"])


def test_a_row_for_a_codebook_of_averages_is_refused() -> None:
    with pytest.raises(UserError, match="has no parameters, so no loss can train it"):
        phase_of("vq", "phases.main.train.codebook={ commitment = 1 }")


def test_a_run_that_goes_on_has_the_bits_of_one_that_was_not_interrupted() -> None:
    whole = phase_of("vq", "modules.codebook.least_use=0.5")
    whole.try_out()
    for iteration in range(4):
        whole.iterate(iteration)
    first = phase_of("vq", "modules.codebook.least_use=0.5")
    first.try_out()
    for iteration in range(2):
        first.iterate(iteration)
    kept, of_modules = copy.deepcopy(first.state()), states(first)
    second = phase_of("vq", "modules.codebook.least_use=0.5")
    second.try_out()
    for name, module in second.setting.modules.items():
        module.load_state_dict(
            {k.removeprefix(f"{name}."): v for k, v in of_modules.items() if k.startswith(f"{name}.")}
        )
    second.load_state(kept)
    torch.manual_seed(123)
    for iteration in range(2, 4):
        second.iterate(iteration)
    expected, found = states(whole), states(second)
    assert all(torch.equal(value, found[key]) for key, value in expected.items())


def test_a_codebook_larger_than_the_data_is_refused_before_training() -> None:
    places = VectorQuantizer(size=30, input_shapes=[(3, 1, 2)])
    places.before_training(15)
    with pytest.raises(
        ValueError, match="a codebook of 30 vectors has 28 training codes to learn from; expected at most as many"
    ):
        places.before_training(14)
