"""Parts filled in by several passes, and by codes that explain the rest of the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from semreg_gmprior.evaluations.masks import mask_of
from semreg_gmprior.filling import Filling
from torch import Tensor

import semreg
from semreg.components.priors import StandardNormal
from semreg.core import ImageField, Roles
from semreg.testing.runs import FakeHandle, FakeRun
from semreg.trained.run import Run

MASK = mask_of("right_half", 4, 4)[1]
WEIGHT = torch.randn(3, 16, generator=torch.Generator().manual_seed(0)) / 4


def encode(image: Tensor) -> Tensor:
    return image.flatten(1) @ WEIGHT.T


def decode(z: Tensor) -> Tensor:
    return (z @ WEIGHT).view(-1, 1, 4, 4)


class Linear(FakeRun):
    """Images of 4 pixels a side that are linear in three numbers, under a standard normal prior."""

    def tensor(self, name: str) -> Any:
        return Code(self, name) if name == "z" else super().tensor(name)


class Code(FakeHandle):
    def needs(self, *given: str) -> set[str]:
        return {"image"} - set(given)


@pytest.fixture
def linear() -> Linear:
    run = Linear(
        tensors={"image": {"test": torch.zeros(1, 1, 4, 4)}},
        functions={"z": encode, "x_f": lambda z=None, image=None: decode(encode(image) if z is None else z)},
        fields={"image": ImageField(1, 4, 4)},
        modules={"prior": StandardNormal(size=3)},
        roles=Roles(input="image", code=("z",), output="x_f", prior={"z": "prior"}),
    )
    run.value_range = (-3.0, 3.0)
    return run


def fill(run: Any, images: Tensor, mask: Tensor = MASK, **options: Any) -> Tensor:
    return Filling(**options)(run.tensor("image"), run.tensor("x_f"), images, mask)[1]


@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_the_steps_end_at_the_most_probable_codes(linear: Linear, noise: float) -> None:
    images = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    found = fill(linear, images, steps=300, noise=noise)
    outside = ~MASK.flatten().numpy()
    visible = WEIGHT.double().numpy()[:, outside] / (6 * noise)  # in units of the noise; the range is 6 wide
    system = visible @ visible.T + np.eye(3)
    codes = np.linalg.solve(system, visible @ (images.flatten(1).double().numpy()[:, outside] / (6 * noise)).T).T
    expected = decode(torch.from_numpy(codes).float()).clamp(-3, 3)
    torch.testing.assert_close(found[..., MASK], expected[..., MASK], atol=2e-3, rtol=0)
    assert torch.equal(found[..., ~MASK], images[..., ~MASK])


def test_images_are_filled_in_each_by_itself(linear: Linear) -> None:
    images = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    together = fill(linear, images, steps=5, passes=2)
    alone = torch.cat([fill(linear, image[None], steps=5, passes=2) for image in images])
    torch.testing.assert_close(together, alone)


def test_codes_that_are_not_read_from_the_image_cannot_be_moved(linear: Linear) -> None:
    linear.roles = Roles(input="image", code=(), output="x_f")
    with pytest.raises(ValueError, match="steps need a code in"):
        fill(linear, torch.zeros(1, 1, 4, 4), steps=1)


@pytest.fixture
def runs(trained_runs: tuple[Path, Path]) -> list[Run]:
    return [semreg.open_run(folder, device="cpu") for folder in trained_runs]


def test_each_pass_begins_where_the_last_one_ended(runs: list[Run]) -> None:
    images, mask = 2 * torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 1, mask_of("eyes", 8, 8)[1]
    seen = torch.where(mask, torch.zeros(()), images)
    for _ in range(3):
        seen = torch.where(mask, runs[0].tensor("x_f").given(image=seen).clamp(-1, 1), images)
    assert torch.equal(fill(runs[0], images, mask, passes=3), seen)


def test_steps_bring_what_a_run_makes_nearer_to_the_rest_and_leave_its_modules(runs: list[Run]) -> None:
    images, mask = 2 * torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 1, mask_of("eyes", 8, 8)[1]
    things = torch.zeros(4, dtype=torch.int64)
    for run, given in zip(runs, ({}, {"thing": things}), strict=True):
        before = [parameter.clone() for module in run.modules.values() for parameter in module.parameters()]
        image, made = run.tensor("image"), run.tensor("x_f")
        hidden = torch.where(mask, -images, images)
        filled = [Filling(steps=20)(image, made, shown, mask, **given)[1] for shown in (images, hidden)]
        assert torch.equal(filled[0][..., mask], filled[1][..., mask])  # what is taken away counts for nothing
        assert not torch.equal(filled[0], Filling()(image, made, images, mask, **given)[1])
        after = [parameter for module in run.modules.values() for parameter in module.parameters()]
        assert all(torch.equal(old, new) and new.grad is None for old, new in zip(before, after, strict=True))
