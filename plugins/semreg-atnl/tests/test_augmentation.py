"""New images of a class: from its prior, between its neighbours, or between its own, against the same by hand."""

from __future__ import annotations

import pytest
import torch
from semreg_atnl.augmentation import Made, augment_class
from semreg_atnl.evaluations.few_shot import draw_between
from semreg_atnl.functional import spherical_interpolation

from semreg.core import UserError, seed_of
from semreg.trained import sample
from semreg.trained.run import Run
from tests.trained.conftest import CLASSES, STRIP, Train

FEW = """
[data.split.shots.kind]
{0} = 3
[evaluate.few]
use = "few_shot(image, z, kind, reconstruction)"
interpolator = {{ use = "spherical", norm = "interpolated" }}
few = 4
count = 8
weights = [0.3, 0.5]
iterations = 1
"""


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
    run = train(CLASSES + STRIP)
    made = augment_class(run, "b", 5, seed=2)
    assert (made.name, made.value, made.way) == ("b", 1, "samples of the class")
    assert torch.equal(made.images, sample(run, 5, label="b", seed=2))


def test_between_images_of_the_class(train: Train) -> None:
    run = train(STRIP + 'interpolators = ["linear", { use = "spherical", norm = "interpolated" }]\n')
    for label, name in (("b", "b"), (1, "b"), ("0", "a")):
        made = augment_class(run, label, 7, seed=3)
        assert made.way == f"images between training images of class {name}"
        assert made.images.shape == (7, 1, 4, 4)
        between(run, made, name, name, (0.0, 1.0), seed=3)
    assert torch.equal(augment_class(run, "b", 7).images, augment_class(run, "b", 7).images)
    assert not torch.equal(augment_class(run, "b", 7).images, made.images)


def test_between_the_neighbours_of_a_few_shot_class(train: Train) -> None:
    run = train(FEW.format("b"))
    made = augment_class(run, "b", 6)
    assert made.way == "images between training images of class a and c"
    between(run, made, "a", "c", (0.3, 0.5), seed=0)
    between(run, augment_class(run, "c", 6), "c", "c", (0.0, 1.0), seed=0)


def test_the_end_of_a_line_has_one_neighbour_and_takes_its_own(train: Train) -> None:
    run = train(FEW.format("a"))
    between(run, augment_class(run, "a", 6), "a", "a", (0.0, 1.0), seed=0)


def test_mistakes_are_told(train: Train) -> None:
    run = train(f"{STRIP}[data.split.shots.kind]\nb = 1\n")
    with pytest.raises(ValueError, match="class 'b' has 1 training images; two are needed"):
        augment_class(run, "b", 3)
    with pytest.raises(ValueError, match="there is no class 'd'; there is: a, b, c"):
        augment_class(run, "d", 3)
    with pytest.raises(ValueError, match="count: 0 images can't be made"):
        augment_class(run, "b", 0)
    with pytest.raises(UserError, match=r"recipes/gm_mnist\.toml, for samples, or .* recipes/atnl_mnist\.toml"):
        augment_class(train(), "b", 3)
