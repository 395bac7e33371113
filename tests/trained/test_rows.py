"""Values a part of their rows at a time are what they are all at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import l1_loss

from semreg.core import DiagonalGaussian
from semreg.testing import FakeRun
from semreg.trained import rows
from semreg.trained.rows import concatenated, gathered, in_parts, mean_of, picked, regrouped, rows_in, selected

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=8)


def parts_of(lengths: list[int]) -> list[Tensor]:
    return list(torch.arange(2.0 * sum(lengths)).view(-1, 2).split(lengths))


@given(lengths, st.integers(1, 30))
def test_regrouped_rows_are_the_same_in_order(lengths: list[int], size: int) -> None:
    parts = parts_of(lengths)
    found = list(regrouped(iter(parts), size))
    assert torch.equal(torch.cat(found), torch.cat(parts))
    whole, left = divmod(sum(lengths), size)
    assert [len(part) for part in found] == [size] * whole + [left] * (left > 0)
    both = list(regrouped([DiagonalGaussian(part, -part) for part in parts], size))
    assert all(isinstance(part, DiagonalGaussian) for part in both)
    assert torch.equal(concatenated(both).log_variance, -torch.cat(parts))
    assert [rows_in(part) for part in both] == [len(part) for part in found]


@given(lengths, st.integers(0, 60))
def test_gathered_rows_are_the_same_however_many_were_expected(lengths: list[int], expected: int) -> None:
    parts = parts_of(lengths)
    assert torch.equal(gathered(iter(parts), expected), torch.cat(parts))
    both = gathered((DiagonalGaussian(part, -part) for part in parts), expected)
    assert torch.equal(both.log_variance, -torch.cat(parts))
    assert gathered([part.bool() for part in parts]).dtype == torch.bool


@given(lengths, st.data())
def test_selected_rows_are_those_of_the_whole(lengths: list[int], data: st.DataObject) -> None:
    parts = parts_of(lengths)
    wanted = torch.tensor(data.draw(st.lists(st.integers(0, sum(lengths) - 1))), dtype=torch.int64)
    assert torch.equal(selected(iter(parts), wanted), torch.cat(parts)[wanted])
    ascending = wanted.sort().values
    assert torch.equal(torch.cat(list(picked(parts, ascending))), torch.cat(parts)[ascending])


def test_rows_that_there_are_not_are_told() -> None:
    with pytest.raises(IndexError):
        selected(parts_of([2, 3]), torch.tensor([5]))


@pytest.fixture
def world() -> FakeRun:
    images = torch.rand(2, 600, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return FakeRun(tensors={"a": {"test": images[0]}, "b": {"test": images[1]}}, functions={}, fields={})


def test_few_numbers_come_in_one_part_and_their_mean_is_the_same(world: FakeRun) -> None:
    handles = [world.tensor(name) for name in ("a", "b")]
    [(a, b)] = in_parts("test", *handles)
    assert torch.equal(a, world.tensors["a"]["test"])
    assert mean_of([float(l1_loss(a, b))], [len(a)]) == float(l1_loss(a, b))
    [(few,)] = in_parts("test", handles[0], count=5)
    assert torch.equal(few, a[:5])


def test_many_numbers_come_in_parts_of_whole_batches(world: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NUMBERS_AT_ONCE", 300 * 16)
    handles = [world.tensor(name) for name in ("a", "b")]
    found = list(in_parts("test", *handles))
    assert [len(a) for a, _ in found] == [256, 256, 88]
    mean = mean_of([float(l1_loss(a, b)) for a, b in found], [len(a) for a, _ in found])
    assert mean == pytest.approx(float(l1_loss(*(world.tensors[name]["test"] for name in ("a", "b")))), rel=1e-6)


@given(st.floats(0, 1e300), st.integers(1, 2**40))
def test_the_mean_of_one_part_is_its_own_bit_for_bit(mean: float, size: int) -> None:
    assert mean_of([mean], [size]) == mean
