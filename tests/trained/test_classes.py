"""What evaluations of codes by class share, on runs made of tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from semreg.core import ClassField, DiagonalGaussian, ImageField
from semreg.testing import FakeRun
from semreg.trained import classes
from semreg.trained.classes import (
    accuracies,
    class_field,
    decoded,
    draw_pairs,
    judge_sees,
    judged,
    probabilities,
    read_codes,
    read_images,
    require_two_classes,
    rows_by_class,
    synthesised,
    verdicts,
)

FIELD = ClassField(("a", "b", "c"))
labels = st.lists(st.integers(0, 4), max_size=20).map(lambda drawn: torch.tensor(drawn, dtype=torch.int64))


@pytest.fixture
def world() -> FakeRun:
    """Codes that say a brightness, images of one pixel that show it, and a judge who sees three of them."""
    codes = torch.arange(6.0)[:, None] / 5
    return FakeRun(
        tensors={
            "z": {"test": codes},
            "maps": {"test": codes.view(6, 1, 1, 1).expand(6, 2, 1, 2).clone()},
            "kind": {"test": torch.arange(6) % 3},
            "image": {"test": codes.view(6, 1, 1, 1).clone()},
            "posterior": {"test": DiagonalGaussian(codes, codes)},  # type: ignore[dict-item]
        },
        functions={
            "reconstruction": lambda z: z.view(-1, 1, 1, 1),
            "probability": lambda image: torch.eye(3)[(2 * image.flatten()).round().long()],
        },
        fields={"kind": FIELD, "image": ImageField(1, 1, 1)},
        drawn={"z": {"test": codes + 1}},
    )


def test_classes_are_those_of_a_field_of_classes(world: FakeRun) -> None:
    assert class_field(world.tensor("kind")) == FIELD
    for name in ("image", "z"):
        with pytest.raises(ValueError, match=f"'{name}' is not a field of classes in the data"):
            class_field(world.tensor(name))


def test_codes_are_read_as_they_are_drawn_or_flattened(world: FakeRun) -> None:
    codes = world.tensors["z"]["test"]
    assert torch.equal(read_codes(world.tensor("z"), "test", count=4), codes[:4])
    assert torch.equal(read_codes(world.tensor("z"), "test", draws=True), codes + 1)
    assert torch.equal(read_codes(world.tensor("maps"), "test", flat=True), codes.repeat(1, 4))


def test_what_are_no_codes_is_told(world: FakeRun) -> None:
    with pytest.raises(ValueError, match=r"'maps' must be codes \(batch, code\); an image of it has shape \(2, 1, 2\)"):
        read_codes(world.tensor("maps"), "test")
    with pytest.raises(ValueError, match=r"'kind' must be codes \(batch, code\); an image of it has shape \(\)"):
        read_codes(world.tensor("kind"), "test", flat=True)
    with pytest.raises(ValueError, match=r"'posterior' is a DiagonalGaussian; .* such as posterior_mean of it"):
        read_codes(world.tensor("posterior"), "test")
    world.tensors["z"]["test"][[1, 4]] = torch.inf
    with pytest.raises(ValueError, match="'z' is not finite for 2 of the 6 test images"):
        read_codes(world.tensor("z"), "test")


def test_images_are_clipped_to_the_range_and_one_for_each_of_the_datas(world: FakeRun) -> None:
    world.value_range = (0.25, 0.75)
    images = read_images(world.tensor("image"), "test", count=9)
    assert torch.equal(images, world.tensors["image"]["test"].clamp(0.25, 0.75))
    assert len(read_images(world.tensor("image"), "test", count=2)) == 2
    world.counts["test"] = 7
    with pytest.raises(ValueError, match="'image' has 6 rows for 7 test images"):
        read_images(world.tensor("image"), "test")
    for name, found in (("z", r"shape \(1,\)"), ("posterior", "DiagonalGaussian")):
        with pytest.raises(ValueError, match=f"'{name}' must be images .*; one of it has {found}"):
            read_images(world.tensor(name), "test")


def test_nothing_can_be_told_apart_in_one_class() -> None:
    require_two_classes(torch.tensor([1, 1, 0]), FIELD)
    with pytest.raises(ValueError, match="all training images are of class 'b'; at least two are needed"):
        require_two_classes(torch.tensor([1, 1]), FIELD)


@given(labels)
def test_the_rows_of_classes_are_those_of_a_plain_loop(values: Tensor) -> None:
    found = rows_by_class(values, 5)
    assert [rows.tolist() for rows in found] == [
        [row for row, value in enumerate(values.tolist()) if value == wanted] for wanted in range(5)
    ]
    assert all(rows.dtype == torch.int64 for rows in found)


def test_accuracy_by_class_leaves_classes_without_images_open() -> None:
    table = accuracies(torch.tensor([True, False, True]), torch.tensor([0, 0, 2]), FIELD)
    assert table.rows == [("a", 2, 0.5), ("b", 0, None), ("c", 1, 1.0)]


@given(st.integers(0, 2**31))
def test_pairs_are_of_the_classes_asked_for_and_of_any_of_their_rows(seed: int) -> None:
    values = torch.tensor([0, 1, 1, 2, 2, 2])
    between = [(0, 1), (2, 0), (1, 1)]
    drawn = draw_pairs(rows_by_class(values, 3), between, 60, torch.Generator().manual_seed(seed))
    first, second, chosen = drawn
    assert all((part.dtype, part.shape) == (torch.int64, (60,)) for part in drawn)
    assert [(int(values[a]), int(values[b])) for a, b in zip(first, second, strict=True)] == [
        between[index] for index in chosen
    ]
    again = draw_pairs(rows_by_class(values, 3), between, 60, torch.Generator().manual_seed(seed))
    assert all(map(torch.equal, drawn, again))


def test_every_pair_of_rows_is_as_probable_as_the_others() -> None:
    values = torch.tensor([0, 1, 1, 2, 2, 2])
    first, second, chosen = draw_pairs(
        rows_by_class(values, 3), [(0, 1), (2, 2)], 9_000, torch.Generator().manual_seed(0)
    )
    counts = torch.bincount(6 * first + second, minlength=36).view(6, 6)
    assert (counts[0, 1:3] - 4_500 / 2).abs().max() < 200  # four standard deviations
    assert (counts[3:, 3:] - 4_500 / 9).abs().max() < 100
    assert counts.sum() == counts[0, 1:3].sum() + counts[3:, 3:].sum()
    assert (chosen.bincount() - 4_500).abs().max() < 200


def test_images_of_codes_are_clipped(world: FakeRun) -> None:
    codes = torch.tensor([[-1.0], [0.5], [3.0]])
    assert synthesised(world.tensor("reconstruction"), {"z": codes}).flatten().tolist() == [0, 0.5, 1]


def test_several_codes_are_decoded_from_numbers_side_by_side(world: FakeRun) -> None:
    world.tensors |= {name: {"train": torch.zeros(3, width)} for name, width in (("a", 2), ("b", 1))}
    world.functions["both"] = lambda b, a: 2 * a[:, :1] + b
    codes = torch.tensor([[0.25, 9, 0.125], [0, 9, 0.5]])
    images = decoded(world.tensor("both"), [world.tensor("a"), world.tensor("b")], codes)
    assert images.flatten().tolist() == [0.625, 0.5]


def test_the_judge_sees_every_code_part_by_part(world: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = torch.rand(2, 5, 1, generator=torch.Generator().manual_seed(0))
    parts: list[int] = []
    draw = world.functions["reconstruction"]
    world.functions["reconstruction"] = lambda z: parts.append(len(z)) or draw(z)  # type: ignore[func-returns-value]
    monkeypatch.setattr(classes, "CHUNK", 4)
    seen = judged(world, world.tensor("reconstruction"), world.tensor("z"), codes, FIELD)
    assert torch.equal(seen, (2 * codes[..., 0]).round().long())
    assert parts == [4, 4, 2]
    assert torch.equal(verdicts(world, codes.view(10, 1, 1, 1), FIELD), seen.flatten())


@pytest.mark.parametrize(
    ("images", "field", "told"),
    [
        (torch.zeros(2, 1, 1, 1), ClassField(("a", "b")), r"probability must be \(rows, 2 classes\), found \(2, 3\)"),
        (torch.zeros(2, 3, 1, 1), FIELD, r"ImageField.*; the decoder's have shape \(3, 1, 1\)"),
    ],
)
def test_a_judge_of_other_classes_or_images_is_refused(
    images: Tensor, field: ClassField, told: str, world: FakeRun
) -> None:
    with pytest.raises(ValueError, match=told):
        probabilities(world, images, field)


def test_a_judge_without_images_is_refused(world: Any) -> None:
    del world.fields["image"]
    with pytest.raises(ValueError, match="the judge reads the data's images, None"):
        judge_sees(world, "probability", torch.zeros(2, 1, 1, 1))
