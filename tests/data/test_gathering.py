from __future__ import annotations

import pytest
import torch

from semreg.data.gathering import Gather, InPlace
from tests.data.test_batches import made


def test_only_what_is_asked_for_is_gathered() -> None:
    data, rows = made(30), torch.arange(30)
    assert Gather(data, rows, fields=set())(torch.arange(3)) == {}
    assert list(Gather(data, rows, fields={"digit"}, extra={"row": rows})(torch.arange(3))) == ["digit", "row"]
    with pytest.raises(ValueError, match="did you mean 'digit'"):
        Gather(data, rows, fields={"digti"})


def test_an_empty_range_is_told() -> None:
    with pytest.raises(ValueError, match="range"):
        Gather(made(3), torch.arange(3), value_range=(1.0, -1.0))


def test_what_is_placed_has_a_row_for_each_that_is_used() -> None:
    data = made(30)
    placed = {"digit": data.arrays["digit"][:29]}
    with pytest.raises(ValueError, match="'digit' has 29 rows, and 30 rows"):
        Gather(data, torch.arange(30), fields={"digit"}, placed=placed)


def test_a_tensor_beside_the_data_stands_before_a_field_of_its_name() -> None:
    data, rows = made(30), torch.arange(30)
    given = torch.rand(30, 1, 2, 2)
    batch = Gather(data, rows, extra={"image": given}, value_range=(-1.0, 1.0))(torch.arange(10, 20))
    assert torch.equal(batch["image"], given[10:20])


def test_what_needs_no_conversion_is_read_where_the_batch_lies() -> None:
    gather = Gather(made(30), torch.arange(30))
    batch = gather.memory(4)
    read = gather.unfinished(4, batch)
    assert {name for name in batch if read[name] is batch[name]} == {"digit", "index"}
    assert gather.unfinished(4)["digit"] is not batch["digit"]


def test_labels_of_all_rows_are_as_in_a_batch() -> None:
    rows = torch.arange(5, 20)
    gather = Gather(made(30), rows)
    batch = gather(torch.arange(15))
    for name in ("digit", "attributes", "index"):
        assert torch.equal(gather.label(name), batch[name])
        assert gather.label(name).dtype == batch[name].dtype


def test_a_batch_in_place_is_the_one_in_memory_of_its_own() -> None:
    gather = Gather(made(30), torch.arange(3, 30), value_range=(-1.0, 1.0))
    order = torch.randperm(27).view(3, 9)
    in_place = InPlace(gather, 9)
    for index in (0, 2, 1, 1):
        found = in_place(order, index)
        assert all(torch.equal(found[name], value) for name, value in gather(order[index]).items())
