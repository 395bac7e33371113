from __future__ import annotations

import pytest
import torch

from semreg.data import device_data
from semreg.data.device_data import SHARE, DeviceData, free_memory
from tests.data.test_batches import made

# 90 rows, 60 of them in the training split: 4 bytes of pixels, 8 of a class, and two attributes of 4 each as floats.
BYTES = {"image": 60 * 4, "digit": 60 * 8, "attributes": 60 * 8}


@pytest.mark.parametrize("names", [["image"], ["image", "digit"], ["image", "digit", "attributes"]])
def test_data_lie_on_the_device_if_they_take_no_more_than_the_share(names: list[str]) -> None:
    least = round(sum(BYTES[name] for name in names) / SHARE)
    assert DeviceData(made(90), {"train": names}, "cpu", least + 1).fields("train", names) is not None
    small = DeviceData(made(90), {"train": names}, "cpu", least - 1)
    assert small.fields("train", names) is None
    assert small.with_them({"code": torch.zeros(0)})["code"].device.type == "cpu"


def test_it_says_how_much_lies_where_or_why_not() -> None:
    names = {"train": ["image", "digit"]}
    assert DeviceData(made(90_000), names, "cuda:3", 79_100_000_000).told == "data on cuda:3: 0.7 MB of 79.1 GB free"
    told = DeviceData(made(90_000), names, "cuda:3", 1_000_000).told
    assert told == (
        "data stay in memory, and a thread reads ahead: 0.7 MB are more than 40% of the 1.0 MB free on cuda:3"
    )


def test_only_what_was_named_lies_there_and_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_data, "BYTES_AT_A_TIME", 100)
    data = made(90)
    there = DeviceData(data, {"train": {"image", "attributes"}, "test": {"digit"}}, "cpu", 2**30)
    found, again = there.fields("train", ["image", "attributes"]), there.fields("train", ["image"])
    assert found is not None
    assert again is not None
    assert again["image"].data_ptr() == found["image"].data_ptr()
    for name, dtype in (("image", torch.uint8), ("attributes", torch.float32)):
        assert torch.equal(found[name], data.arrays[name][data.rows("train")].to(dtype))
        assert found[name].dtype == dtype
    assert there.fields("train", ["image", "digit"]) is None
    assert there.fields("test", ["image"]) is None
    there.clear()
    anew = there.fields("train", ["image"])
    assert anew is not None
    assert anew["image"].data_ptr() != found["image"].data_ptr()


def test_what_was_computed_lies_there_if_there_is_room_beside_the_data() -> None:
    room = round((BYTES["image"] + 60 * 8) / SHARE)
    codes = {"code": torch.zeros(60, 2)}
    for device, free, there in (("meta", room + 1, "meta"), ("meta", room - 1, "cpu")):
        data = DeviceData(made(90), {"train": ["image"]}, device, free)
        found = data.with_them(codes)
        assert found["code"].device.type == there
        assert (data.fields("train", ["image"], found) is None) == (there == "cpu")


def test_a_cpu_has_the_data_already() -> None:
    assert free_memory(torch.device("cpu")) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_says_how_much_is_free() -> None:
    free = free_memory(torch.device("cuda", torch.cuda.device_count() - 1))
    assert free is not None
    assert free > 0


@pytest.mark.parametrize(("share", "reserved", "free"), [(1.0, 0, 30), (0.5, 0, 30), (0.25, 0, 20), (0.25, 15, 5)])
def test_a_process_that_has_a_share_of_a_gpu_has_no_more_free_than_that(
    share: float, reserved: int, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (30, 80))
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda device: share)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: reserved)
    assert free_memory(torch.device("cuda", 0)) == free
    assert free_memory(torch.device("cpu")) is None
    monkeypatch.delattr(torch.cuda, "get_per_process_memory_fraction")  # as of PyTorch 2.4, which gives all
    assert free_memory(torch.device("cuda", 0)) == 30
