from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semreg_factors.grid import FactorGrid, steps

from semreg.core import ClassField

SIZES = st.dictionaries(st.sampled_from(["shape", "scale", "x", "y"]), st.integers(1, 5), min_size=1)


def grid_of(sizes: dict[str, int]) -> FactorGrid:
    return FactorGrid({name: steps(size) for name, size in sizes.items()})


@given(SIZES)
def test_every_combination_has_a_row_and_the_last_factor_varies_fastest(sizes: dict[str, int]) -> None:
    grid = grid_of(sizes)
    assert grid.count == math.prod(sizes.values())
    rows = np.arange(grid.count)
    classes = grid.classes(rows)
    assert np.array_equal(grid.rows(**classes), rows)
    combinations = list(zip(*(values.tolist() for values in classes.values()), strict=True))
    assert combinations == sorted(set(combinations))
    assert {name: set(values) for name, values in classes.items()} == {n: {*range(k)} for n, k in sizes.items()}


@given(SIZES, st.sets(st.sampled_from(["shape", "scale", "x", "y"])), st.integers(0, 9))
def test_pairs_share_what_they_are_told_to_and_nothing_else(sizes: dict[str, int], names: set[str], seed: int) -> None:
    grid, shared = grid_of(sizes), names & sizes.keys()
    pairs = grid.pairs(200, shared=shared, generator=np.random.default_rng(seed))
    assert pairs.shape == (200, 2)
    assert pairs.dtype == np.int64
    for name, both in grid.classes(pairs).items():
        share = (both[:, 0] == both[:, 1]).mean()
        assert share == 1 if name in shared or sizes[name] == 1 else share < 0.9
        assert len(set(both[:, 0])) == sizes[name]


@given(SIZES, st.integers(0, 3), st.data())
def test_a_subset_has_different_rows_that_the_seed_decides(
    sizes: dict[str, int], seed: int, data: st.DataObject
) -> None:
    grid = grid_of(sizes)
    count = data.draw(st.integers(1, grid.count))
    rows = grid.subset(count, seed)
    assert len(set(rows)) == count
    assert rows.tolist() == sorted(rows) == grid.subset(count, seed).tolist()
    assert 0 <= rows.min() <= rows.max() < grid.count
    assert grid.subset(None, seed).tolist() == [*range(grid.count)]


def test_another_seed_has_another_subset() -> None:
    grid = grid_of({"x": 5, "y": 5})
    assert grid.subset(5, 0).tolist() != grid.subset(5, 1).tolist()


def test_rows_and_classes_broadcast() -> None:
    grid = FactorGrid({"shape": ClassField(("disc", "square")), "x": steps(3)})
    assert grid.sizes == {"shape": 2, "x": 3}
    assert grid.rows(shape=1, x=[0, 2]).tolist() == [3, 5]
    assert {name: values.tolist() for name, values in grid.classes(4).items()} == {"shape": 1, "x": 1}


def test_what_does_not_fit_is_told() -> None:
    grid = FactorGrid({"shape": ClassField(("disc", "square")), "x": steps(3)})
    with pytest.raises(ValueError, match="no factor is called 'shap'; did you mean 'shape'"):
        grid.rows(shap=1, x=0)
    with pytest.raises(ValueError, match="the class of x isn't told"):
        grid.rows(shape=1)
    with pytest.raises(ValueError, match="no factor is called 'z'"):
        grid.pairs(3, shared=["z"], generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match="count is 7; the grid has 6 combinations"):
        grid.subset(7, 0)
    for wrong in (lambda: grid.rows(shape=2, x=0), lambda: grid.classes(6)):
        with pytest.raises(ValueError):
            wrong()
