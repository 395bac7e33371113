"""Evaluations that suit any autoencoder: what it reconstructs, and what it draws from its prior."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch.nn.functional import l1_loss, mse_loss

from semreg.components.interfaces import Prior
from semreg.evaluation.result import Result
from semreg.report.pictures import image_grid
from semreg.runs.run import Handle

Count = Annotated[int, Gt(0)]


def reconstructions(image: Handle, reconstruction: Handle, *, pictures: Count = 12, count: Count = 2000) -> Result:
    """Test images above their reconstructions, and the mean absolute and squared error over the first `count` of them.

    Both are `(batch, channels, height, width)` in the recipe's range; the errors are means over images and elements.
    """
    original, copy = image.read("test", count=count), reconstruction.read("test", count=count)
    figures = {
        "mean_absolute_error": float(l1_loss(copy, original)),
        "mean_squared_error": float(mse_loss(copy, original)),
    }
    rows = [list(original[:pictures]), list(copy[:pictures])]
    grid = image_grid(
        "Reconstructions", rows, row_labels=["image", "reconstruction"], value_range=image.run.plan.value_range,
        caption="Images of the test split, in order.",
    )  # fmt: skip
    summary = f"mean squared error {figures['mean_squared_error']:.4f}"
    return Result(figures=figures, pictures=[grid], summary=summary)


def prior_samples(
    prior: Prior,
    code: Handle,
    reconstruction: Handle,
    *,
    pictures: Count = 36,
    generator: torch.Generator | None = None,
) -> Result:
    """Images decoded from codes `(batch, code)` that are drawn from the prior."""
    codes = prior.sample(pictures, generator=generator)
    images = reconstruction.given(**{code.name: codes})
    columns = 12
    rows = [list(images[start : start + columns]) for start in range(0, len(images), columns)]
    grid = image_grid(
        "Samples from the prior",
        rows,
        value_range=code.run.plan.value_range,
        caption="Decoded from random codes, unselected.",
    )
    return Result(pictures=[grid])
