"""New images of a class: from its prior, between its neighbours, or between its own, against the same by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from semreg_atnl.augmentation import Made, augment_class
from semreg_atnl.evaluations.few_shot import draw_between
from semreg_atnl.functional import spherical_interpolation

from semreg.core import ClassField, Specification, UserError, seed_of
from semreg.trained import sample
from semreg.trained.run import Run
from tests.conftest import ToyData
from tests.trained.conftest import CLASSES, KINDS, Train

SPHERICAL = f'{KINDS}[model.interpolator]\nuse = "spherical"\nnorm = "interpolated"\n'
SHOTS = "[data.split.shots.kind]\n{} = {}\n"


def between(run: Run, made: Made, first: str, last: str, weights: tuple[float, float], *, seed: int) -> None:
    """The images are those between the codes of training images of two classes, one by one."""
    codes, labels = run.tensor("z").read("train"), run.tensor("kind").read("train")
    names = run.plan.fields["kind"].names  # type: ignore[union-attr]
    members = [(labels == value).nonzero().flatten() for value in range(len(names))]
    generator = torch.Generator().manual_seed(seed_of(seed, "augment"))
    ends = (names.index(first), names.index(last))
    drawn = draw_between(members, ends, len(made.images), weights, generator)
    for image, one, other, weight in zip(made.images, *drawn, strict=True):
        assert (labels[one], labels[other]) == ends
        assert weights[0] <= weight <= weights[1]
        code = spherical_interpolation(codes[one], codes[other], weight, norm="interpolated")
        assert torch.allclose(image, run.decode(code[None])[0].clamp(0, 1), atol=1e-5)


def test_samples_of_the_class_where_there_are_any(train: Train) -> None:
    run = train(CLASSES + KINDS)
    made = augment_class(run, "b", 5, seed=2)
    assert (made.name, made.value, made.way) == ("b", 1, "samples of the class")
    assert torch.equal(made.images, sample(run, 5, label="b", seed=2))


def test_between_images_of_the_class(train: Train) -> None:
    run = train(SPHERICAL)
    for label, name in (("b", "b"), (1, "b"), ("0", "a")):
        made = augment_class(run, label, 7, seed=3)
        assert made.way == f"images between training images of class {name}"
        assert made.images.shape == (7, 1, 4, 4)
        between(run, made, name, name, (0.0, 1.0), seed=3)
    assert torch.equal(augment_class(run, "b", 7).images, augment_class(run, "b", 7).images)
    assert not torch.equal(augment_class(run, "b", 7).images, made.images)


def test_between_the_neighbours_of_a_few_shot_class(train: Train) -> None:
    run = train(SPHERICAL + SHOTS.format("b", 3))
    made = augment_class(run, "b", 6)
    assert made.way == "images between training images of class a and c"
    between(run, made, "a", "c", (0.4, 0.6), seed=0)
    between(run, augment_class(run, "c", 6), "c", "c", (0.0, 1.0), seed=0)


@pytest.mark.parametrize(("shots", "ends"), [(20, "ac"), (21, "bb")])
def test_a_class_of_more_than_20_images_has_no_few_shots(train: Train, shots: int, ends: str) -> None:
    run = train(f'extends = "base.toml"\n{SPHERICAL}{SHOTS.format("b", shots)}[data]\ncount = 90\n')
    assert int((run.tensor("kind").read("train") == 1).sum()) == shots
    between(run, augment_class(run, "b", 6), *ends, (0.4, 0.6) if ends == "ac" else (0.0, 1.0), seed=0)


def test_a_class_of_few_images_that_no_shots_were_left_of_takes_its_own(train: Train) -> None:
    run = train(SPHERICAL)
    assert int((run.tensor("kind").read("train") == 1).sum()) <= 20
    between(run, augment_class(run, "b", 6), "b", "b", (0.0, 1.0), seed=0)


def test_the_end_of_a_line_has_one_neighbour_and_takes_its_own(train: Train) -> None:
    run = train(SPHERICAL + SHOTS.format("a", 3))
    between(run, augment_class(run, "a", 6), "a", "a", (0.0, 1.0), seed=0)


def test_classes_without_an_order_take_their_own(train: Train, register: Callable[[str, str, Any], None]) -> None:
    class Unordered(ToyData):
        def specification(self) -> Specification:
            return {**super().specification(), "kind": ClassField(("a", "b", "c"))}

    register("dataset", "unordered", Unordered)
    run = train(f'extends = "base.toml"\n{SPHERICAL}{SHOTS.format("b", 3)}[data]\nuse = "unordered"\n')
    for name in "bc":
        between(run, augment_class(run, name, 6), name, name, (0.0, 1.0), seed=0)


def test_mistakes_are_told(train: Train) -> None:
    run = train(SPHERICAL + SHOTS.format("a", 1))
    with pytest.raises(ValueError, match="class 'a' has 1 training images; two are needed"):
        augment_class(run, "a", 3)
    with pytest.raises(ValueError, match="there is no class 'd'; expected one of: a, b, c"):
        augment_class(run, "d", 3)
    with pytest.raises(ValueError, match="count: 0 images can't be made"):
        augment_class(run, "b", 0)
    with pytest.raises(UserError, match="names no field of classes and its code; add `attributes = "):
        augment_class(train(), "b", 3)
    with pytest.raises(UserError, match="names no output; add `output = "):
        augment_class(train(f'without = ["model.output"]\n{KINDS}'), "b", 3)
