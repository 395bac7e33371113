"""Labels that nobody knows: whatever stands in their place, the figures are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from semreg_olr.evaluations.compression import compression
from semreg_olr.evaluations.editing import attribute_editing
from semreg_olr.evaluations.linear import linear_classifier
from semreg_olr.evaluations.norms import row_norms
from semreg_olr.evaluations.principal import principal_component

from semreg.core import Result


def linear(world: Any) -> Result:
    return linear_classifier(*(world.tensor(name) for name in ("embedding", "attributes", "probability", "image")))


def norms(world: Any) -> Result:
    return row_norms(world.tensor("embedding"), world.tensor("attributes"))


def principal(world: Any) -> Result:
    return principal_component(world.tensor("embedding"), world.tensor("attributes"), world.tensor("image"))


def editing(world: Any) -> Result:
    names = ("embedding", "reconstruction", "attributes", "image")
    return attribute_editing(*(world.tensor(name) for name in names), judge=world)


@pytest.fixture
def unsure(world: Any) -> Callable[[float], Any]:
    """The world with two fifths of its labels unknown, and something else in their place."""
    labels = world.tensors["attributes"]
    known = {split: (torch.arange(rows.numel()).view_as(rows) % 5 > 1).float() for split, rows in labels.items()}

    def unsure(there: float) -> Any:
        world.fields["attributes_known"] = world.fields["attributes"]
        world.tensors["attributes_known"] = known
        world.tensors["attributes"] = {split: rows.where(known[split] > 0, there) for split, rows in labels.items()}
        return world

    return unsure


@pytest.mark.parametrize("evaluation", [linear, norms, principal, editing])
def test_what_is_not_known_changes_nothing(evaluation: Callable[[Any], Result], unsure: Callable[[float], Any]) -> None:
    absent, present = (evaluation(unsure(there)) for there in (0.0, 1.0))
    assert present.figures == pytest.approx(absent.figures, nan_ok=True)
    said = [*(table.caption for table in absent.tables), *(picture.caption for picture in absent.pictures)]
    assert any("labels of some images are not known" in caption for caption in said)


def test_images_are_counted_where_their_label_is_known(unsure: Callable[[float], Any]) -> None:
    world = unsure(0.0)
    known, labels = world.tensors["attributes_known"]["test"], world.tensors["attributes"]["test"]
    adding = [row[1] for row in editing(world).tables[0].rows[1:]]
    assert adding == [float(((known > 0) & (labels == 0))[:, label].sum()) for label in range(4)]


def test_what_cannot_leave_them_out_says_so(unsure: Callable[[float], Any]) -> None:
    world = unsure(0.0)
    result = compression(*(world.tensor(name) for name in ("image", "embedding", "reconstruction", "attributes")))
    assert "here these count as absent" in result.tables[0].caption
