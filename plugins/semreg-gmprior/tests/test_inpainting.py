"""The part that is taken away is what the model makes of the rest; all else is the image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from semreg_gmprior.evaluations.masks import mask_of
from semreg_gmprior.inpainting import inpaint
from torch import Tensor

import semreg
from semreg.trained.run import Run

MASK = mask_of("eyes", 8, 8)[1]


@pytest.fixture
def runs(trained_runs: tuple[Path, Path]) -> list[Run]:
    return [semreg.open_run(folder, device="cpu") for folder in trained_runs]


@pytest.fixture
def images() -> Tensor:
    return 2 * torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 1


def test_outside_it_is_the_image_and_inside_what_the_model_makes_of_grey(runs: list[Run], images: Tensor) -> None:
    masked, filled = inpaint(runs[0], images, MASK)
    made = runs[0].tensor("x_f").given(image=masked).clamp(-1, 1)
    for part, inside in ((masked, torch.zeros_like(images)), (filled, made)):
        assert torch.equal(part[..., ~MASK], images[..., ~MASK])
        assert torch.equal(part[..., MASK], inside[..., MASK])


def test_what_is_taken_away_counts_for_nothing(runs: list[Run], images: Tensor) -> None:
    others = torch.where(MASK, -images, images)
    assert torch.equal(inpaint(runs[0], others, MASK).filled, inpaint(runs[0], images, MASK).filled)


def test_a_decoder_that_is_told_the_class_follows_it(runs: list[Run], images: Tensor) -> None:
    masked, filled = inpaint(runs[1], images, MASK, label="round")
    labels = torch.full((4,), ("long", "round", "square").index("round"))
    made = runs[1].tensor("x_f").given(image=masked, thing=labels).clamp(-1, 1)
    assert torch.equal(filled[..., MASK], made[..., MASK])
    assert not torch.equal(filled, inpaint(runs[1], images, MASK, label="long").filled)


def test_what_cannot_be_done_is_refused(runs: list[Run], images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"this model needs the images' class; expected one of: long, round, square"):
        inpaint(runs[1], images, MASK)
    with pytest.raises(ValueError, match="no class 'rond'; did you mean 'round'"):
        inpaint(runs[1], images, MASK, label="rond")
    with pytest.raises(ValueError, match="this model takes no class"):
        inpaint(runs[0], images, MASK, label="round")
    with pytest.raises(ValueError, match="the mask has 9 × 8 pixels, and the images have 8 × 8"):
        inpaint(runs[0], images, torch.ones(9, 8, dtype=torch.bool))
