from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from semreg.components.operations import other_of_pair
from semreg.core import UserError
from semreg.data.samplers import class_balanced, pairs_that_share, shuffled, shuffled_shards
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.testing import check_recipe


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 2**63 - 1))
def test_every_row_at_most_once(count: int, batch_size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    batches = shuffled(count=count, batch_size=batch_size, generator=generator)
    assert batches.shape == (count // batch_size, batch_size)
    rows = batches.flatten().tolist()
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(range(count))
    again = shuffled(count=count, batch_size=batch_size, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(batches, again)


def test_every_row_is_drawn_at_times() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = {row for _ in range(20) for row in shuffled(count=10, batch_size=4, generator=generator).flatten().tolist()}
    assert seen == set(range(10))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_shard_by_shard(sizes: list[int], batch_size: int, window: int, seed: int) -> None:
    def drawn() -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return shuffled_shards(
            count=len(shards), batch_size=batch_size, shards=shards, window=window, generator=generator
        )

    shards = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    batches = drawn()
    assert batches.shape == (len(shards) // batch_size, batch_size)
    rows = batches.flatten()
    assert len(rows.unique()) == len(rows)
    assert torch.equal(batches, drawn())
    left, at_once = set(range(len(sizes))), []
    for shard in shards[rows].tolist():  # a window is used up before the next is begun
        if shard not in at_once:
            assert shard in left
            at_once = [*at_once, shard] if len(at_once) < window else [shard]
            left.remove(shard)


def test_shards_and_their_rows_are_in_random_order() -> None:
    generator = torch.Generator().manual_seed(0)
    shards = torch.arange(12).repeat_interleave(10)
    rows = [
        shuffled_shards(count=120, batch_size=10, shards=shards, window=2, generator=generator).flatten()
        for _ in range(9)
    ]
    assert len({int(shards[order[0]]) for order in rows}) > 3
    assert all(len(shards[order[:20]].unique()) == 2 for order in rows), "of two shards, mixed"
    assert all(len(shards[order[:10]].unique()) == 2 for order in rows)
    assert shuffled_shards(count=9, batch_size=3).flatten().sort().values.tolist() == list(range(9)), "one shard of all"


classes = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(torch.tensor)


@given(classes, st.integers(1, 6), st.integers(0, 2**31))
def test_pairs_share_their_class(labels: Tensor, half: int, seed: int) -> None:
    count, batch_size = len(labels), 2 * half
    if count >= batch_size and not (torch.bincount(labels) > 1).any():
        with pytest.raises(ValueError, match="no two rows have the same class"):
            pairs_that_share(labels, count=count, batch_size=batch_size)
        return
    generator = torch.Generator().manual_seed(seed)
    batches = pairs_that_share(labels, count=count, batch_size=batch_size, generator=generator)
    assert batches.shape == (count // batch_size, batch_size)
    assert ((batches >= 0) & (batches < count)).all()
    first, second = batches.view(-1, 2).unbind(1)
    assert torch.equal(labels[first], labels[second])
    assert (first != second).all()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 2**31))
def test_each_row_is_in_one_pair_where_classes_are_even(halves: list[int], seed: int) -> None:
    labels = torch.arange(len(halves)).repeat_interleave(2 * torch.tensor(halves))
    generator = torch.Generator().manual_seed(seed)
    [rows] = pairs_that_share(labels, count=len(labels), batch_size=len(labels), generator=generator)
    assert sorted(rows.tolist()) == list(range(len(labels)))


@pytest.mark.parametrize(("power", "shares"), [(0.0, [1 / 2, 1 / 2]), (0.5, [1 / 3, 2 / 3]), (1.0, [1 / 5, 4 / 5])])
def test_classes_are_as_likely_as_the_power_says(power: float, shares: list[float]) -> None:
    labels = torch.tensor([7, 3, 3, 3, 3]).repeat(4000)
    generator = torch.Generator().manual_seed(0)
    rows = class_balanced(labels, count=len(labels), batch_size=100, power=power, generator=generator).flatten()
    found = [(labels[rows] == value).double().mean().item() for value in (7, 3)]
    assert found == pytest.approx(shares, abs=0.02)
    assert len(rows.unique()) > 0.3 * len(labels)


def test_samplers_of_classes_refuse_what_is_none() -> None:
    for sampler in (class_balanced, pairs_that_share):
        for labels in (torch.zeros(9), torch.zeros(8, dtype=torch.int64), torch.zeros(9, 2, dtype=torch.int64)):
            with pytest.raises(ValueError, match=f"{sampler.__name__} needs one class for each of 9 rows"):
                sampler(labels, count=9, batch_size=4)
    with pytest.raises(ValueError, match="a batch of 3 doesn't divide into pairs; an even number does"):
        pairs_that_share(torch.zeros(9, dtype=torch.int64), count=9, batch_size=3)
    assert class_balanced(torch.zeros(3, dtype=torch.int64), count=3, batch_size=4).shape == (0, 4)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("pairs_that_share(color)", "a sampler reads fields of the data, and 'color' is none"),
        ("pairs_that_share", r"pairs_that_share .* takes \(labels\)"),
        ("class_balanced(digits)", "did you mean 'digit'"),
    ],
)
def test_a_factor_that_the_data_lack_is_told(said: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(load_recipe("vae_digits", [f"data.sampler={said}"]))


@pytest.mark.slow
def test_pairs_train(tmp_path: Path) -> None:
    """What a pair shares is told by the code of the other one as well."""
    recipe = tmp_path / "pairs.toml"
    recipe.write_text(
        """
        extends = "semreg:vae_digits"
        without = ["evaluate.samples"]
        [data]
        sampler = "pairs_that_share(digit)"
        [tensors]
        mean = "posterior_mean(posterior)"
        other = "take(mean, other_of_pair(mean))"
        crossed = "decoder(other)"
        [losses.crossed]
        use = "l2(crossed, image)"
        [losses.near]
        use = "l2(mean, other)"
        [phases.main.train]
        encoder = { crossed = 1, near = 0.1 }
        decoder = { crossed = 1 }
        """
    )
    check_recipe(recipe)


def test_the_other_of_a_pair() -> None:
    assert other_of_pair(torch.zeros(6, 2)).tolist() == [1, 0, 3, 2, 5, 4]
    assert other_of_pair(torch.zeros(3)).tolist() == [1, 0, 2]
    assert other_of_pair(torch.zeros(0, 1)).tolist() == []
