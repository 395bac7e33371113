"""The codes of the attributes named come from the other image, all else from the image itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from semreg_uniform.transferring import transfer
from torch import Tensor

import semreg
from semreg.core import AttributesField, ClassField, Roles
from semreg.testing import FakeRun
from semreg.trained.run import Run

CODES = {"z_0": None, "z_shape": "shape", "z_tone": "tone"}


@pytest.fixture
def run(trained_run: Path) -> Run:
    return semreg.open_run(trained_run, device="cpu")


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    images = 2 * torch.rand(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1
    return images[0], images[1]


@pytest.mark.parametrize("names", [["shape"], ["tone"], ["tone", "shape"]])
def test_the_named_codes_are_the_others(names: list[str], run: Run, pair: tuple[Tensor, Tensor]) -> None:
    codes = {code: run.tensor(code).given(image=pair[attribute in names]) for code, attribute in CODES.items()}
    expected = run.tensor("x_f").given(**codes).clamp(-1, 1)
    made = transfer(run, *pair, names)
    assert torch.equal(made, expected)
    assert not torch.equal(made, transfer(run, *pair, ["shape"] if names != ["shape"] else ["tone"]))


def test_what_is_taken_from_the_image_itself_changes_nothing(run: Run, pair: tuple[Tensor, Tensor]) -> None:
    image, _ = pair
    assert torch.equal(transfer(run, image, image, ["tone"]), run.tensor("x_f").given(image=image).clamp(-1, 1))


def test_codes_of_labels_that_are_no_classes_are_kept(pair: tuple[Tensor, Tensor]) -> None:
    run = FakeRun(
        tensors={"shape": {"train": torch.arange(2)}},
        functions={
            "s": lambda image: image[:, 0, 0, :1],
            "m": lambda image: image[:, 0, 0, 1:2],
            "x": lambda s, m: torch.stack([s, m], 2)[:, None],
        },
        fields={"shape": ClassField(("a", "b")), "marks": AttributesField(("round",))},
        roles=Roles("image", "image", ("s", "m"), "x", attributes={"shape": "s", "marks": "m"}),
    )
    first, second = (images / 4 + 0.5 for images in pair)
    made: Tensor = transfer(run, first, second, ["shape"])  # type: ignore[arg-type]
    assert torch.equal(made[:, 0, 0], torch.stack([second[:, 0, 0, 0], first[:, 0, 0, 1]], 1))


def test_what_cannot_be_done_is_refused(run: Run, pair: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="no attribute 'shapes'; did you mean 'shape'"):
        transfer(run, *pair, ["tone", "shapes"])
    with pytest.raises(ValueError, match="no attribute is named; expected one of: shape, tone"):
        transfer(run, *pair, [])
    with pytest.raises(ValueError, match="there are 4 and 1"):
        transfer(run, pair[0], pair[1][:1], ["tone"])
