"""Evaluations that suit any autoencoder: what it reconstructs, and what it draws from its prior."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from semreg.core import ClosedFormPrior, Handle, Prior, Result, Role, require_posterior
from semreg.pictures import image_grid, line_plot
from semreg.store.numbers import number
from semreg.trained import better, in_parts, mean_of

Count = Annotated[int, Gt(0)]
ACTIVE = 0.01
"""Nats per image below which a dimension of a code is taken for empty."""


@better(lower=["mean_*"], units={"mean_absolute_error": "pixel value", "mean_squared_error": "pixel value²"})
def reconstructions(
    image: Annotated[Handle, Role.TARGET],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *,
    pictures: Count = 12,
    count: Count = 2000,
) -> Result:
    """Test images above their reconstructions, and the mean absolute and squared error over the first `count` of them.

    Both are `(batch, channels, height, width)` in the recipe's range; the errors are means over images and elements.
    Images of another tensor than the output that `[model]` says stand under its name. Of many images a part at a time
    is in memory.
    """
    rows: list[list[Tensor]] = [[], []]
    absolute, squared, sizes = [], [], []
    for original, copy in in_parts("test", image, reconstruction, count=count):
        absolute.append(float(l1_loss(copy, original)))
        squared.append(float(mse_loss(copy, original)))
        sizes.append(len(copy))
        for row, images in zip(rows, (original, copy), strict=True):
            row.extend(images[: pictures - len(row)].clone())
    figures = {"mean_absolute_error": mean_of(absolute, sizes), "mean_squared_error": mean_of(squared, sizes)}
    made = reconstruction.run.roles.output in ("", reconstruction.name)
    title = "Reconstructions" if made else f"{reconstruction.name} of test images"
    row_labels = ["image", "reconstruction" if made else reconstruction.name]
    grid = image_grid(
        title, rows, row_labels=row_labels, value_range=image.run.value_range,
        caption="Images of the test split, in order.",
    )  # fmt: skip
    summary = f"mean squared error {number(figures['mean_squared_error'])}"
    return Result(figures=figures, pictures=[grid], summary=summary)


def prior_samples(
    prior: Annotated[Prior, Role.PRIOR],
    code: Annotated[Handle, Role.CODE],
    reconstruction: Annotated[Handle, Role.OUTPUT],
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
        value_range=code.run.value_range,
        caption="Decoded from random codes, unselected.",
    )
    return Result(pictures=[grid])


@better(units={"nats_per_image": "nats"})
def divergence(
    posterior: Annotated[Handle, Role.POSTERIOR], prior: Annotated[ClosedFormPrior, Role.PRIOR], *labels: Handle
) -> Result:
    """How much a code says of its image: KL(posterior ‖ prior) in nats, of the test images, dimension by dimension.

    `posterior` has means and log-variances `(batch, code)`. Figures: `nats_per_image`, the sum over the code, mean over
    images; `active_dimensions`, how many have more than 0.01 nats. With labels for a prior that depends on them. Raises
    ValueError for a tensor that is no posterior, a spatial code, or a prior that has no closed form.
    """
    values = posterior.read("test")
    require_posterior(values, f"divergence({posterior.name}, prior)")
    if not hasattr(prior, "kl_divergence"):
        raise ValueError(
            f"divergence(posterior, prior) needs a prior with kl_divergence; found a {type(prior).__name__}"
        )
    device = posterior.run.device
    on_device = type(values)(*(part.to(device) for part in values))
    with torch.no_grad():
        elements = prior.kl_divergence(on_device, *(label.read("test").to(device) for label in labels)).cpu()
    nats, _ = elements.mean(0).sort(descending=True)
    figures = {"nats_per_image": float(nats.sum()), "active_dimensions": float((nats > ACTIVE).sum())}
    curve = line_plot(
        "Nats by dimension",
        {"KL from the prior": (list(range(1, len(nats) + 1)), nats.tolist())},
        x_label="dimensions of the code, the largest first",
        y_label="nats per image",
    )
    active = f"{figures['active_dimensions']:.0f} of {len(nats)} dimensions active"
    return Result(figures, pictures=[curve], summary=f"{number(figures['nats_per_image'])} nats per image; {active}")
