from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from semreg.core import AttributesField, ClassField, ImageField, Specification, UserError, VectorField
from semreg.data.batches import Batches, sequential
from semreg.data.dataset import Cached
from semreg.data.device_data import DeviceData
from semreg.data.gathering import Gather
from semreg.data.samplers import shuffled_shards


def made(count: int, size: int = 2) -> Cached:
    """Images of one value, their index modulo 256; a third of the rows for testing."""
    index = torch.arange(count)
    fields: Specification = {
        "image": ImageField(1, size, size),
        "digit": ClassField(tuple("0123456789")),
        "attributes": AttributesField(("even", "third")),
        "index": VectorField(1),
    }
    arrays = {
        "image": (index % 256).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, size, size).contiguous(),
        "digit": index % 10,
        "attributes": torch.stack([index % 2 == 0, index % 3 == 0], dim=1).to(torch.uint8),
        "index": index.float().view(-1, 1),
    }
    return Cached(fields, arrays, torch.where(index % 3 == 2, 2, 0).to(torch.uint8), "content")


def rows_of(batches: Batches, count: int) -> list[int]:
    return [int(value) for value in batches.batch(count)["index"].flatten()]


sizes = st.integers(1, 80).flatmap(lambda count: st.tuples(st.just(count), st.integers(1, count)))
relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)


@relaxed
@given(sizes, st.integers(0, 2**31), st.integers(0, 5))
def test_an_epoch_repeats_no_row(size: tuple[int, int], seed: int, epoch: int) -> None:
    count, batch_size = size
    data = made(count + 20)
    rows = torch.arange(7, 7 + count)
    batches = Batches(data, rows, batch_size, seed=seed, key=("main", "joint"))
    assert batches.per_epoch == count // batch_size
    first = epoch * batches.per_epoch
    seen = [row for index in range(batches.per_epoch) for row in rows_of(batches, first + index)]
    assert len(seen) == len(set(seen)) == batches.per_epoch * batch_size
    assert set(seen) <= set(rows.tolist())


@relaxed
@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(0, 2**31))
def test_a_batch_is_a_pure_function_of_its_count(counts: list[int], seed: int) -> None:
    data = made(50)
    rows = data.rows("train")
    one = Batches(data, rows, 8, seed=seed, key=("main", "joint"))
    asked = {count: rows_of(one, count) for count in counts}
    for count in reversed(counts):
        fresh = Batches(data, rows, 8, seed=seed, key=("main", "joint"))
        assert rows_of(fresh, count) == asked[count]


def test_seeds_phases_steps_and_epochs_differ() -> None:
    data = made(300)
    rows = data.rows("train")
    variants = [(0, ("a", "b")), (1, ("a", "b")), (0, ("a", "c")), (0, ("c", "b")), (0, ("ab", "")), (0, ("b", "a"))]
    batches = [Batches(data, rows, 50, seed=seed, key=key) for seed, key in variants]
    drawn = [tuple(rows_of(each, count)) for each in batches for count in (0, each.per_epoch)]
    assert len(set(drawn)) == len(drawn)


def test_fields_belong_together_and_have_their_types() -> None:
    data = made(1000)
    batch = Batches(data, data.rows("train"), 64, seed=0, key=("p", "s")).batch(3)
    index = batch["index"].flatten().long()
    assert torch.equal((batch["image"][:, 0, 1, 1] * 255).round().long(), index % 256)
    assert torch.equal(batch["digit"], index % 10)
    assert torch.equal(batch["attributes"], torch.stack([index % 2 == 0, index % 3 == 0], dim=1).float())
    assert (index % 3 != 2).all(), "train rows only"
    types = {name: tensor.dtype for name, tensor in batch.items()}
    float32, int64 = torch.float32, torch.int64
    assert types == {"image": float32, "digit": int64, "attributes": float32, "index": float32}


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5)])
def test_the_range_is_kept(value_range: tuple[float, float]) -> None:
    data = made(256)
    (batch,) = sequential(data, torch.arange(256), 256, value_range=value_range)
    low, high = value_range
    levels = batch["image"][:, 0, 0, 0]
    assert torch.allclose(levels, torch.linspace(low, high, 256), atol=1e-6 * (high - low))
    assert float(levels[0]) == low
    assert float(levels[255]) == high


def test_a_batch_lasts_until_the_next() -> None:
    data = made(100)
    batches = Batches(data, torch.arange(100), 10, seed=0, key=("p", "s"))
    first = batches.batch(0)["image"]
    kept = first.clone()
    second = batches.batch(1)["image"]
    assert first.data_ptr() == second.data_ptr()
    assert not torch.equal(kept, second)
    other = Batches(data, torch.arange(100), 10, seed=0, key=("p", "t"))
    assert other.batch(0)["image"].data_ptr() != second.data_ptr()


def test_only_what_is_asked_for_is_gathered() -> None:
    data = made(30)
    batches = Batches(data, torch.arange(30), 10, seed=0, key=("p", "s"), fields={"digit"})
    assert list(batches.batch(0)) == ["digit"]
    with pytest.raises(ValueError, match="did you mean 'digit'"):
        Batches(data, torch.arange(30), 10, seed=0, key=("p", "s"), fields={"digti"})


def test_extra_tensors_follow_the_rows() -> None:
    data = made(90)
    rows = data.rows("train")
    codes = torch.stack([rows.double(), -rows.double()], dim=1)
    batches = Batches(data, rows, 16, seed=4, key=("p", "s"), extra={"code": codes}, fields={"index"})
    for count in range(7):
        batch = batches.batch(count)
        assert torch.equal(batch["code"][:, 0], batch["index"].flatten().double())
        assert batch["code"].dtype == torch.float64
    with pytest.raises(ValueError, match="'code' has 90 rows, and 60 rows"):
        Batches(data, rows, 16, seed=4, key=("p", "s"), extra={"code": torch.zeros(90, 2)})


@pytest.mark.parametrize("batch_size", [31, 0, -1])
def test_a_batch_that_cannot_be_filled_is_told(batch_size: int) -> None:
    with pytest.raises(UserError, match=rf"data.batch_size  a batch of {batch_size} can't be drawn from 30 images"):
        Batches(made(30), torch.arange(30), batch_size, seed=0, key=("p", "s"))


def sorted_by_label(
    labels: Tensor, *, count: int, batch_size: int, generator: torch.Generator, turn: int = 0
) -> Tensor:
    batches = count // batch_size
    return labels.argsort(stable=True).roll(turn)[: batches * batch_size].view(batches, batch_size)


def test_a_sampler_gets_labels_of_its_rows() -> None:
    data = made(100)
    rows = torch.arange(50, 100)
    batches = Batches(
        data, rows, 5, seed=0, key=("p", "s"), sampler=sorted_by_label, sampler_labels=["digit"], fields={"digit"}
    )
    assert [batches.batch(count)["digit"].unique().tolist() for count in range(10)] == [[digit] for digit in range(10)]


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(9, 5), torch.zeros(8, 5).long(), torch.full((10, 5), 50), torch.full((10, 5), -1), None, [[1]],
        torch.zeros((10, 5), dtype=torch.int64, device="meta"), torch.zeros((10, 5), dtype=torch.int64).to_sparse(),
    ],
)  # fmt: skip
def test_a_sampler_that_does_not_fit_is_told(wrong: Any) -> None:
    def broken(**options: Any) -> Any:
        return wrong

    batches = Batches(made(50), torch.arange(50), 5, seed=0, key=("p", "s"), sampler=broken)
    with pytest.raises(UserError, match=r"data\.sampler +the sampler gave .*torch.int64 \(10, 5\)"):
        batches.batch(0)


def test_in_order_with_the_last_part() -> None:
    data = made(100)
    rows = data.rows("test")
    batches = list(sequential(data, rows, 10, extra={"row": rows}))
    assert [len(batch["image"]) for batch in batches] == [10, 10, 10, 3]
    assert torch.equal(torch.cat([batch["row"] for batch in batches]), rows)
    images = torch.cat([batch["image"] for batch in batches])  # would be overwritten if memory were kept
    assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), rows)
    assert list(sequential(data, rows[:0], 10)) == []


# --- wherever the data lie ---


@pytest.fixture(scope="module")
def reader() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as reader:
        yield reader


def ways(data: Cached, extra: Mapping[str, Tensor], reader: Executor, device: str = "cpu") -> list[dict[str, Any]]:
    """What makes batches of training images come from the device, read ahead, and read when they are asked for."""
    fields = {"train": list(data.fields)}
    there = DeviceData(data, fields, device, free=2**40)
    placed = there.fields("train", fields["train"])
    assert placed is not None
    return [
        {"placed": placed, "extra": there.with_them(extra)}, {"reader": reader, "extra": extra}, {"extra": extra},
    ]  # fmt: skip


@relaxed
@given(
    batch_size=st.integers(1, 10).map(lambda half: 2 * half),
    accumulate=st.integers(1, 3),
    part=st.sampled_from([(0, 1), (0, 2), (1, 2)]),
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=12).map(lambda more: [*range(5), *more, *more[-1:]]),
    value_range=st.sampled_from([(0.0, 1.0), (-1.0, 1.0)]),
)
def test_batches_are_the_same_wherever_the_data_lie(reader: Executor, counts: list[int], **options: Any) -> None:
    data = made(100)
    rows = data.rows("train")
    extra = {"code": rows.double().view(-1, 1) / 7}
    drawn = []
    for way in ways(data, extra, reader):
        batches = Batches(data, rows, seed=3, key=("p", "s"), **options, **way)
        drawn.append([{name: value.clone() for name, value in batches.batch(count).items()} for count in counts])
    for others in drawn[1:]:
        for one, other in zip(drawn[0], others, strict=True):
            assert one.keys() == other.keys()
            assert all(one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("way", [0, 1, 2])
def test_every_field_of_every_batch_lies_at_the_same_address(reader: Executor, way: int) -> None:
    data = made(100)
    rows = data.rows("train")
    chosen = ways(data, {"code": rows.double(), "number": rows}, reader)[way]
    batches = Batches(data, rows, 10, seed=0, key=("p", "s"), part=(1, 2), **chosen)
    addresses = [{name: value.data_ptr() for name, value in batches.batch(count).items()} for count in range(20)]
    assert addresses[0].keys() == {*data.fields, "code", "number"}
    assert all(other == addresses[0] for other in addresses)
    assert len(set(addresses[0].values())) == len(addresses[0])
    assert all(value.is_contiguous() for value in batches.batch(0).values())


def test_only_the_batches_of_this_epoch_are_read_ahead(reader: Executor) -> None:
    epochs = []

    def sampler(*, count: int, batch_size: int, generator: torch.Generator) -> Tensor:
        epochs.append(generator.initial_seed())
        if len(epochs) == 3:
            raise ValueError("no third")
        return torch.arange(count).view(-1, batch_size)

    batches = Batches(made(6), torch.arange(6), 2, seed=0, key=(), sampler=sampler, source="mine.toml", reader=reader)
    for count in range(6):
        batches.batch(count)
        assert len(epochs) == 1 + count // 3
    with pytest.raises(UserError, match=r"data\.sampler +no third"):
        batches.batch(6)


def test_no_batch_is_read_ahead_that_no_execution_uses(reader: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reads = Gather.read, []

    def watched(self: Gather, positions: Tensor, into: Mapping[str, Tensor]) -> None:
        reads.append(positions)
        read(self, positions, into)

    monkeypatch.setattr(Gather, "read", watched)
    batches = Batches(made(10), torch.arange(10), 2, seed=0, key=(), accumulate=2, reader=reader)
    for count in range(2 * 4):
        batches.batch(count)
    reader.submit(int).result()
    assert len(reads) == 2 * 4, "the fifth batch of an epoch is one of two that are not there"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("way", [0, 1, 2])
def test_on_a_gpu_the_same(reader: Executor, way: int) -> None:
    data = made(5000, size=16)
    rows = data.rows("train")
    extra = {"code": rows.double().view(-1, 1) / 7}
    options: dict[str, Any] = {"seed": 0, "key": ("p", "s"), "value_range": (-1.0, 1.0)}
    device = f"cuda:{torch.cuda.device_count() - 1}"  # on several GPUs not the current one
    on_cpu = Batches(data, rows, 128, extra=extra, **options)
    on_gpu = Batches(data, rows, 128, device=device, **options, **ways(data, extra, reader, device)[way])
    kept = []
    for count in range(60):
        torch.cuda._sleep(1_000_000)  # the copies run far ahead of what the GPU computes
        kept.append({name: value.clone() for name, value in on_gpu.batch(count).items()})
    for count, batch in enumerate(kept):
        expected = on_cpu.batch(count)
        assert torch.allclose(batch.pop("image").cpu(), expected["image"], atol=1e-6)
        assert all(torch.equal(value.cpu(), expected[name]) for name, value in batch.items())


@relaxed
@given(sizes, st.integers(1, 5), st.integers(0, 30))
def test_batches_that_are_averaged_are_the_parts_of_a_larger_one(size: tuple[int, int], times: int, count: int) -> None:
    images, batch_size = size
    data, rows = made(images), torch.arange(images)
    if times * batch_size > images:
        with pytest.raises(UserError, match="can't be drawn from"):
            Batches(data, rows, batch_size, seed=1, key=("main", "joint"), accumulate=times)
        return
    parts = Batches(data, rows, batch_size, seed=1, key=("main", "joint"), accumulate=times)
    whole = Batches(data, rows, batch_size * times, seed=1, key=("main", "joint"))
    assert parts.per_epoch == whole.per_epoch == images // (batch_size * times)
    found = [row for part in range(times) for row in rows_of(parts, count * times + part)]
    assert found == rows_of(whole, count)


def test_a_sampler_that_needs_larger_batches_is_told_with_what_is_averaged() -> None:
    def whole(*labels: Tensor, count: int, batch_size: int, generator: Any) -> Tensor:
        raise ValueError(f"a batch of {batch_size} is no multiple of 10")

    batches = Batches(made(50), torch.arange(50), 5, seed=0, key=(), accumulate=2, sampler=whole, source="mine.toml")
    with pytest.raises(UserError, match=r"5 is no multiple of 10; each of the 2 batches that `accumulate` averages"):
        batches.batch(0)


def test_a_sampler_may_be_told_the_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semreg.data.dataset.shard_rows", lambda shape: 20)
    data, told = made(60), []

    def sampler(*, count: int, batch_size: int, shards: Tensor, generator: torch.Generator) -> Tensor:
        told.append(shards)
        return shuffled_shards(count=count, batch_size=batch_size, shards=shards, window=1, generator=generator)

    rows = data.rows("train")
    batches = Batches(data, rows, 4, seed=0, key=("a",), sampler=sampler, sampler_shards=True)
    first = [rows_of(batches, count) for count in range(3)]
    assert torch.equal(told[0], rows // 20)
    assert len({row // 20 for batch in first for row in batch}) == 1
    del data.fields["image"]
    assert data.shards(rows).unique().tolist() == [0]
