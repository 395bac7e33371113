"""What all metrics do alike: inputs, bins, information, chance levels and intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import FactorWarning, dci, dci_es, measured, mig, modularity_explicitness, sap
from semreg_disentanglement.functional.common import (
    binned,
    entropies,
    fitting,
    gaps,
    held_out,
    inputs,
    interval,
    mutual_information,
    standardised,
)
from sklearn.metrics import mutual_info_score
from threadpoolctl import threadpool_info
from torch import Tensor

Make = Callable[..., Tensor]
CALL = "mig(codes, factors)"


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (torch.zeros(5), torch.zeros(5), r'expects "images code, images factors", found \(5,\), \(5,\)'),
        (torch.zeros(5, 2), torch.zeros(4, 2), r"a row for each image is needed"),
        (torch.full((40, 2), torch.nan), torch.arange(40) % 2, "the codes are not finite for 40 of 40 images"),
        (torch.rand(40, 2), torch.tensor([torch.inf, 1.0] * 20), "the factors are not finite for 20 of 40 images"),
        (torch.ones(40, 2), torch.arange(40) % 2, "the codes of all 40 images are equal"),
        (torch.rand(40, 41), torch.arange(40) % 2, "40 images are too few for codes of 41 dimensions"),
        (torch.rand(20, 2), torch.arange(20), "20 images are too few; of a factor 20 must be of another class"),
        (torch.rand(40, 2), torch.ones(40), "no factor varies enough; factor 0 is constant, and is left out"),
        (
            torch.rand(40, 2),
            torch.arange(40) // 39,
            r"factor 0 has another value in 1 of 40 images \(20 needed\), and is",
        ),
        (torch.rand(40, 2), torch.zeros(40, 0), "no factor varies enough; there is none"),
        (torch.zeros(0, 2), torch.zeros(0), "the codes of all 0 images are equal"),
    ],
)
def test_bad_input_is_told_with_its_numbers(codes: Tensor, factors: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mig(codes, factors)


def test_what_is_done_to_factors_is_said(grid: Make, noise: Make) -> None:
    three = torch.cat([grid(2, 2).double(), noise(400, 1), torch.zeros(400, 1)], 1)
    with pytest.warns(FactorWarning) as warned:
        given = inputs(CALL, noise(400, 3), three)
    assert [str(one.message).removeprefix(f"{CALL}: ") for one in warned] == list(given.notes)
    assert given.notes[0] == "factor 2 is continuous, and binned into 20 bins of equal width"
    assert "of the 20 classes of factor 2 have fewer than 10 images" in given.notes[1]
    assert given.notes[2] == "factor 3 is constant, and is left out"
    named = inputs(CALL, noise(400, 3), three, names=["a", "b", "c", "d"], warn=False)
    assert named.notes[2] == "d is constant, and is left out"


@settings(max_examples=20)
@given(dead=st.sets(st.integers(0, 4), max_size=4), constant=st.sets(st.integers(0, 2), max_size=2))
def test_what_is_left_out_stands_as_nan_in_its_place(dead: set[int], constant: set[int]) -> None:
    codes, factors = torch.rand(60, 5), torch.randint(2, (60, 3), generator=torch.Generator().manual_seed(0))
    codes[:, list(dead)], factors[:, list(constant)] = 7.0, 1
    given = inputs(CALL, codes, factors, warn=False)
    alive, varying = sorted({*range(5)} - dead), sorted({*range(3)} - constant)
    assert (given.dimensions.tolist(), given.places.tolist()) == (alive, varying)
    matrix = torch.rand(len(alive), len(varying))
    whole = given.as_given(matrix)
    assert torch.equal(whole[alive][:, varying], matrix)
    assert int(whole.isnan().sum()) == 15 - matrix.numel()
    assert given.of_factors(matrix[0]).isnan().nonzero().flatten().tolist() == sorted(constant)
    assert given.of_dimensions(matrix[:, 0]).isnan().nonzero().flatten().tolist() == sorted(dead)
    coded_by = given.coded_by(matrix)
    assert coded_by[list(constant)].tolist() == [-1] * len(constant)
    assert coded_by[varying].tolist() == [alive[place] for place in matrix.argmax(0)]


def test_classes_are_numbered_without_a_gap() -> None:
    factor = torch.tensor([7.0, -3.0, 7.0, 12.0] * 20)
    given = inputs(CALL, torch.rand(80, 2), factor)
    assert given.factors[:4, 0].tolist() == [1, 0, 1, 2]
    assert inputs(CALL, torch.rand(80, 2), factor > 8).factors[:4, 0].tolist() == [0, 0, 0, 1]


def test_real_numbers_of_no_more_values_than_bins_are_classes(noise: Make, recwarn: pytest.WarningsRecorder) -> None:
    factor = torch.tensor([0.0, 0.01, 1.0] * 20)  # bins of equal width would make one class of the first two
    assert inputs(CALL, noise(60, 2), factor).factors[:3, 0].tolist() == [0, 1, 2]
    assert not recwarn.list


def test_arrays_are_taken_as_tensors_are(grid: Make, noise: Make) -> None:
    factors = grid(2, 3)
    codes = factors + noise(len(factors), 2)
    assert mig(codes.numpy(), factors.numpy()).mig == mig(codes, factors).mig
    found = measured(mig, codes.numpy(), factors.numpy(), draws=2)
    assert found.chance == measured(mig, codes, factors, draws=2).chance


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(2, 30))
def test_bins_are_those_of_numpys_histogram(seed: int, bins: int) -> None:
    values = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = binned(values, bins)
    for column, ours in zip(values.T.numpy(), found.T, strict=True):
        assert ours.bincount(minlength=bins).tolist() == np.histogram(column, bins)[0].tolist()


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 5))
def test_mutual_information_is_scikit_learns(seed: int, a: int, b: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes, factors = (torch.randint(classes, (30, 2), generator=generator) for classes in (a, b))
    found = mutual_information(codes, factors)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        expected = mutual_info_score(codes[:, i].numpy(), factors[:, j].numpy())
        assert float(found[i, j]) == pytest.approx(expected, abs=1e-12)
    own = mutual_information(factors, factors).diagonal()
    assert torch.allclose(own, entropies(factors), atol=1e-12)


def test_a_gap_is_above_the_second_or_above_nothing() -> None:
    assert gaps(torch.tensor([[0.9, 0.1], [0.2, 0.4], [0.5, 0.4]])).tolist() == pytest.approx([0.4, 0.0])
    assert gaps(torch.tensor([[0.9]])).tolist() == pytest.approx([0.9])


@settings(max_examples=20)
@given(st.integers(2, 300))
def test_each_image_is_for_training_or_for_testing(images: int) -> None:
    train, test = held_out(images)
    assert sorted([*train.tolist(), *test.tolist()]) == [*range(images)]
    assert len(test) == round(images / 3)
    assert torch.equal(held_out(images)[1], test)


def test_codes_are_standardised_by_the_training_rows(noise: Make) -> None:
    codes = torch.cat([noise(9, 2) * 5 + 3, torch.ones(9, 1)], 1)
    found = standardised(codes, torch.arange(6))
    assert torch.allclose(found[:6].mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(found[:6, :2].std(0, correction=0), torch.ones(2, dtype=torch.float64))
    assert not found[:, 2].any()


@pytest.mark.parametrize("metric", [dci, dci_es, sap, modularity_explicitness], ids=lambda metric: metric.__name__)
def test_an_identity_of_few_images_is_a_factor_and_warned_of_once(noise: Make, metric: Any) -> None:
    identities = torch.arange(60) // 2
    with pytest.warns(FactorWarning) as warned:
        found = metric(noise(60, 2) + identities[:, None], identities)
    assert [str(one.message).partition(": ")[2] for one in warned] == [
        "30 of the 30 classes of factor 0 have fewer than 10 images"
    ]
    assert found.matrix.isfinite().all()


class Mean(NamedTuple):
    share: float
    undefined: float
    coded_by: Tensor


def mean(codes: Tensor, factors: Tensor) -> Mean:
    return Mean(float(codes.mean()), math.nan, torch.zeros(1))


def test_an_interval_is_as_wide_as_theory_says() -> None:
    codes = (torch.rand(2000, 1, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    found = measured(mean, codes, codes[:, 0], draws=200)
    assert found.high["share"] - found.result.share == pytest.approx(1.96 * 0.5 / 2000**0.5, rel=0.2)
    assert found.result.share - found.low["share"] == pytest.approx(found.high["share"] - found.result.share)
    assert found.chance["share"] == pytest.approx(found.result.share)  # which no shuffle changes
    assert all(math.isnan(levels["undefined"]) for levels in (found.chance, found.low, found.high))


def test_chance_is_near_nothing_and_intervals_stay_within_0_and_1(grid: Make) -> None:
    factors = grid(3, 4, images=600)
    found = measured(mig, factors.double(), factors)
    assert (found.result.mig, found.low["mig"], found.high["mig"]) == (1.0, 1.0, 1.0) or found.high["mig"] == 1.0
    assert 0 <= found.chance["mig"] < 0.02
    again = measured(mig, factors.double(), factors, generator=torch.Generator().manual_seed(0))
    assert again.chance == found.chance


def test_half_samples_that_are_too_small_leave_no_interval_and_no_warning(
    noise: Make, recwarn: pytest.WarningsRecorder
) -> None:
    found = measured(partial(mig, bins=4), noise(50, 30), torch.arange(50) % 2)
    assert math.isnan(found.low["mig"])
    assert not math.isnan(found.chance["mig"])
    assert not recwarn.list


def test_a_factor_that_half_samples_leave_out_widens_no_interval(grid: Make, noise: Make) -> None:
    factors = grid(2, 3, images=400)
    rare = (torch.arange(len(factors)) < 40).long()[:, None]  # as many as half samples just have, or just don't
    codes = torch.cat([factors, noise(len(factors), 1)], 1)
    told, whole = torch.cat([factors, rare], 1), 2 / 3
    found = measured(mig, codes, told)
    assert found.result.mig == pytest.approx(whole, abs=0.05)
    assert found.high["mig"] - found.low["mig"] < 0.1  # of two factors it is 1


@pytest.mark.parametrize(("value", "ends"), [(0.5, (0.304, 0.696)), (0.95, (0.754, 1)), (-0.1, (-0.1, 0.096))])
def test_an_interval_has_its_figure_in_it(value: float, ends: tuple[float, float]) -> None:
    assert interval(value, 0.1) == pytest.approx(ends)
    assert interval(2.5, 0.1)[1] == 2.5


def test_one_draw_is_no_interval(noise: Make) -> None:
    with pytest.raises(ValueError, match="draws is 1; an interval needs 2 or more"):
        measured(mig, noise(50, 2), torch.arange(50) % 2, draws=1)


@settings(max_examples=10)
@given(st.integers(2, 12))
def test_one_factor_may_be_a_vector(classes: int) -> None:
    factor = torch.arange(20 * classes) % classes
    codes = torch.stack([factor.double(), torch.linspace(0, 1, len(factor))], 1)
    assert mig(codes, factor).mig == mig(codes, factor[:, None]).mig


def test_fits_have_one_thread_of_linear_algebra() -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with fitting():
        assert set(threads()) == {1}
    assert threads() == before
