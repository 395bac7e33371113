"""Maps of test codes."""

from __future__ import annotations

import pytest
import torch

from semreg.core import AttributesField, ClassField
from semreg.exploring.map import codes_of, colours_of, map_of
from semreg.trained.run import Run
from tests.trained.conftest import Train, train

__all__ = ["train"]


def test_points_are_the_first_directions_and_keep_distances(run: Run) -> None:
    found, codes = map_of(run, "w", "digit"), run.tensor("w").read("test")
    assert found.points.shape == (len(codes), 3)
    assert found.points.abs().max() == 1
    assert torch.equal(found.classes, run.tensor("digit").read("test"))
    near, far = torch.cdist(found.points, found.points).flatten(), torch.cdist(codes, codes).flatten()
    assert torch.corrcoef(torch.stack([near, far]))[0, 1] > 0.9, "three of four directions hold most of the distances"


def test_points_can_be_coloured_by_binary_labels(train: Train) -> None:
    run = train()
    assert isinstance(run.fields["kind"], ClassField)
    assert isinstance(run.fields["marks"], AttributesField)
    assert codes_of(run) == ("z",)
    assert colours_of(run) == ["kind", "round", "dark"]
    assert colours_of(train('[model.attributes]\nmarks = "z"\n')) == ["round", "dark", "kind"]
    found = map_of(run, "z", "round")
    assert found.names == ("without round", "with round", "unknown")
    assert torch.equal(found.classes, (run.tensor("marks").read("test")[:, 0] > 0.5).long())
    assert found.points[:, 2].abs().max() == 0, "a code of two numbers is flat"


def test_what_there_is_not_is_said(run: Run) -> None:
    with pytest.raises(ValueError, match="there is no code 'zz'; did you mean 'z'"):
        map_of(run, "zz", "digit")
    with pytest.raises(ValueError, match="there is no colour 'digits'; did you mean 'digit'"):
        map_of(run, "z", "digits")
