"""Images between two images, against the same by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from semreg.components.interpolators import variance_preserving
from semreg.core import UserError
from semreg.trained import interpolate
from semreg.trained.run import Run
from tests.trained.conftest import KINDS, Fitted, Train, bent

BENT = '[model.interpolator]\nuse = "bent"\nheight = 3.0\n'
TWO_CODES = '[tensors]\nview = "detach(image)"\nreconstruction = "decoder(z, view)"\n[model]\ncode = ["z", "view"]\n'


def by_hand(run: Run, a: Tensor, b: Tensor, steps: int, path: object = torch.lerp) -> Tensor:
    """Each image of each pair by itself."""
    rows = []
    for pair in range(len(a)):
        first, last = (run.tensor("z").given(image=images[pair : pair + 1]) for images in (a, b))
        row = [path(first, last, torch.tensor(step / (steps - 1))) for step in range(steps)]  # type: ignore[operator]
        rows.append(torch.cat([run.tensor("reconstruction").given(z=code).clamp(0, 1) for code in row]))
    return torch.stack(rows)


@pytest.fixture
def ends() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return a, b


def test_where_nothing_else_is_said_codes_go_straight(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run = train()
    images = interpolate(run, *ends, steps=5)
    assert images.shape == (3, 5, 1, 4, 4)
    assert torch.allclose(images, by_hand(run, *ends, 5), atol=1e-6)
    for side, end in zip((0, -1), ends, strict=True):
        assert torch.allclose(images[:, side], run.decode(run.encode(end)).clamp(0, 1), atol=1e-6)
    assert torch.allclose(interpolate(run, *reversed(ends), steps=5).flip(1), images, atol=1e-6)
    assert torch.equal(run.interpolate(*ends, steps=5), images)


def test_several_codes_and_spatial_ones_keep_their_shapes(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run = train(TWO_CODES)
    images = interpolate(run, *ends, steps=3)
    codes = [torch.stack([run.tensor(name).given(image=end) for end in ends]).mean(0) for name in ("z", "view")]
    assert codes[1].shape == (3, 1, 4, 4)
    assert torch.allclose(images[:, 1], run.decode(*codes).clamp(0, 1), atol=1e-6)


@pytest.mark.usefixtures("ways")
def test_the_recipes_interpolator_with_its_options_is_taken(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run = train(BENT)

    def high(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
        return bent(a, b, weight, height=3.0)

    for choice in (None, "bent", {"use": "bent", "height": 3.0}):
        images = interpolate(run, *ends, steps=4, interpolator=choice)
        assert torch.allclose(images, by_hand(run, *ends, 4, high), atol=1e-6)
    images = interpolate(run, *ends, steps=4, interpolator={"use": "bent"})
    assert torch.allclose(images, by_hand(run, *ends, 4, bent), atol=1e-6)
    assert torch.allclose(interpolate(run, *ends, steps=4, interpolator="linear"), by_hand(run, *ends, 4), atol=1e-6)


@pytest.mark.usefixtures("ways")
def test_an_interpolator_may_be_a_name(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run = train('[model]\ninterpolator = "bent"\n')
    assert torch.allclose(interpolate(run, *ends, steps=4), by_hand(run, *ends, 4, bent), atol=1e-6)


@pytest.mark.usefixtures("ways")
def test_an_interpolator_that_follows_classes_is_fitted_on_training_codes(
    train: Train, ends: tuple[Tensor, Tensor]
) -> None:
    run = train(BENT + KINDS)
    path = Fitted()
    path.fit(run.tensor("z").read("train"), run.tensor("kind").read("train"), "line")
    images = interpolate(run, *ends, steps=3, interpolator="fitted")
    assert torch.allclose(images, by_hand(run, *ends, 3, path), atol=1e-6)
    with pytest.raises(
        UserError, match=r"names no field of classes and its code; add `attributes = \{ label = \"z\" \}`"
    ):
        interpolate(train(), *ends, interpolator="fitted")


@pytest.mark.usefixtures("ways")
def test_beside_the_code_that_carries_the_classes_others_go_straight(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run = train(TWO_CODES + KINDS)
    images = interpolate(run, *ends, steps=3, interpolator="fitted")
    z, view = (torch.stack([run.tensor(name).given(image=end) for end in ends]).mean(0) for name in ("z", "view"))
    middle = z + run.tensor("z").read("train").mean(0)
    assert torch.allclose(images[:, 1], run.decode(middle, view).clamp(0, 1), atol=1e-6)


@pytest.mark.usefixtures("ways")
def test_mistakes_are_told(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run = train()
    with pytest.raises(ValueError, match="steps: 1 images can't show both ends"):
        interpolate(run, *ends, steps=1)
    with pytest.raises(ValueError, match="no interpolator is called 'linar'; did you mean 'linear'"):
        interpolate(run, *ends, interpolator="linar")
    with pytest.raises(ValueError, match="heigth"):
        interpolate(run, *ends, interpolator={"use": "bent", "heigth": 3.0})
    with pytest.raises(ValueError, match="doesn't lead from one 'z' to the other"):
        interpolate(run, *ends, interpolator="lengthened")
    posterior = train('[model]\ncode = ["posterior"]\n')
    with pytest.raises(ValueError, match="'posterior' is not a tensor of codes"):
        interpolate(posterior, *ends)
    silent = train('without = ["model.output"]\n')
    with pytest.raises(UserError, match='names no output; add `output = "reconstruction"`'):
        interpolate(silent, *ends)


def test_what_are_no_pairs_of_images_is_told(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    run, (a, b) = train(), ends
    with pytest.raises(ValueError, match=r"interpolate expects \(n, 1, 4, 4\) in \[0, 1\]; found \(4, 4\)"):
        interpolate(run, a[0, 0], b)
    with pytest.raises(ValueError, match="interpolate expects an image to reach for each; found 3 and 2"):
        interpolate(run, a, b[:2])


def test_a_path_in_base_space_has_the_codes_own_prior(train: Train, ends: tuple[Tensor, Tensor]) -> None:
    prior = '[model]\nprior = { z = "prior" }\n'
    run = train(f'{prior}interpolator = {{ use = "base_space", path = "variance_preserving" }}\n')
    expected = by_hand(run, *ends, 5, variance_preserving)
    assert torch.allclose(interpolate(run, *ends, steps=5), expected, atol=1e-5)
    other = train(TWO_CODES.replace('code = ["z", "view"]', 'code = ["z", "view"]\nprior = { z = "prior" }'))
    way = {"use": "base_space", "path": "variance_preserving"}
    assert interpolate(other, *ends, steps=3, interpolator=way).shape == (3, 3, 1, 4, 4), "the other code goes straight"
    with pytest.raises(
        ValueError, match=r"base_space needs the prior of the code; \[model\] names it by `prior = \{ z"
    ):
        interpolate(train("seed = 5"), *ends, interpolator="base_space")
