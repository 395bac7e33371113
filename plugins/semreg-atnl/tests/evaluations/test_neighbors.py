"""Classes synthesised from neighbours whose codes are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_atnl.evaluations.neighbors import neighbor_synthesis

from semreg.core import ClassField

pytestmark = pytest.mark.usefixtures("ways")


def evaluated(world: Any, *interpolators: Any, seed: int = 0, **options: Any) -> Any:
    inputs = map(world.tensor, ("z", "digit", "reconstruction"))
    generator = torch.Generator().manual_seed(seed)
    return neighbor_synthesis(
        *inputs, judge=world, interpolators=list(interpolators), generator=generator, **{"pairs": 30, **options}
    )


def test_half_way_along_the_ring_lies_the_class_between(ring: Any) -> None:
    result = evaluated(ring, "arc", "jump")
    assert result.figures == {"arc": 1, "jump": 0, "reconstructions": 1}
    assert [row[0] for row in result.tables[0].rows] == ["mean", *"abcdef"]
    assert len(result.pictures) == 2
    assert "arc 100.0%, jump 0.0%" in result.summary


def test_on_a_line_only_the_inner_classes_lie_between(line: Any) -> None:
    result = evaluated(line, "linear")
    assert result.figures["linear"] == 1
    assert [row[0] for row in result.tables[0].rows] == ["mean", *"bcd"]


def test_the_weight_leads_from_the_neighbour_before(ring: Any) -> None:
    assert evaluated(ring, "arc", weight=0.02).figures["arc"] == 0
    see = ring.functions["probability"]
    ring.functions["probability"] = lambda image: see(image).roll(1, dims=1)  # sees the class after
    assert evaluated(ring, "arc", weight=0.02).figures["arc"] == 1
    assert evaluated(ring, "arc", weight=0.98).figures["arc"] == 0


def test_what_can_be_hoped_for_stands_beside(ring: Any) -> None:
    see = ring.functions["probability"]
    blind = torch.tensor([1.0, 0, 1, 1, 1, 1])
    ring.functions["probability"] = lambda image: see(image) * blind + 0.01 * torch.eye(6)[0]
    result = evaluated(ring, "arc")
    assert result.figures["reconstructions"] == pytest.approx(5 / 6)
    assert result.tables[0].rows[2] == ("b", 0.0, 0.0)


def test_the_same_generator_gives_the_same_result_and_another_others(ring: Any) -> None:
    assert evaluated(ring, "arc") == evaluated(ring, "arc")
    assert evaluated(ring, "arc").pictures != evaluated(ring, "arc", seed=1).pictures


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (ClassField(tuple("abcdef")), "these are 6 classes of order 'none'"),
        (ClassField(("a", "b"), "ring"), "these are 2 classes of order 'ring'"),
    ],
    ids=["no order", "two"],
)
def test_classes_without_two_neighbours_are_refused(field: ClassField, message: str, ring: Any) -> None:
    ring.fields["digit"] = field
    with pytest.raises(ValueError, match=message):
        evaluated(ring, "arc")


def test_a_class_without_test_images_leaves_out_its_neighbours(ring: Any) -> None:
    labels = ring.tensors["digit"]["test"]
    labels[labels == 0] = 3
    assert [row[0] for row in evaluated(ring, "jump").tables[0].rows] == ["mean", "c", "d", "e"]
    labels.fill_(2)
    with pytest.raises(ValueError, match="no class with test images has two neighbours"):
        evaluated(ring, "jump")
