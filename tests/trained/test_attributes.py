"""Attributes that nobody knows of some images."""

from __future__ import annotations

import torch

from semreg.core import AttributesField
from semreg.testing import FakeRun
from semreg.trained import has_unknown, read_attributes

NAMES = AttributesField(("edema", "hat"))
VALUES = {"train": torch.tensor([[1.0, 0.0], [0.0, 1.0]]), "test": torch.tensor([[0.0, 0.0]])}
KNOWN = {"train": torch.tensor([[1.0, 0.0], [1.0, 1.0]]), "test": torch.tensor([[0.0, 1.0]])}


def test_what_is_not_known_is_not_a_number() -> None:
    fields = {"marks": NAMES, "marks_known": NAMES}
    handle = FakeRun(tensors={"marks": VALUES, "marks_known": KNOWN}, functions={}, fields=fields).tensor("marks")
    assert has_unknown(handle)
    train = read_attributes(handle)
    assert train.isnan().tolist() == [[False, True], [False, False]]
    assert train.nan_to_num(9).tolist() == [[1, 9], [0, 1]]
    assert read_attributes(handle, "train", count=1).shape == (1, 2)
    assert read_attributes(handle, "test").isnan().tolist() == [[True, False]]


def test_where_all_are_known_they_are_as_they_are_read() -> None:
    handle = FakeRun(tensors={"marks": VALUES}, functions={}, fields={"marks": NAMES}).tensor("marks")
    assert not has_unknown(handle)
    assert torch.equal(read_attributes(handle), VALUES["train"])
