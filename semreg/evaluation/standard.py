"""Evaluations for any autoencoder: its reconstructions, and its samples from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from semreg.components.losses import kl_estimate
from semreg.components.posteriors import centre_of, drawn_from
from semreg.components.values import map_tensors
from semreg.core import Handle, Prior, Result, Role
from semreg.pictures import image_grid, line_plot
from semreg.store.numbers import number
from semreg.trained import before_training, better, in_parts, mean_of

Count = Annotated[int, Gt(0)]
ACTIVE = 0.01
"""Nats per image below which a dimension of a code counts as empty."""


@better(lower=["mean_*"], units={"mean_absolute_error": "pixel value", "mean_squared_error": "pixel value²"})
def reconstructions(
    image: Annotated[Handle, Role.TARGET],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *,
    pictures: Count = 12,
    count: Count = 2000,
) -> Result:
    """Show test images above their reconstructions, with the mean absolute and squared error over the first `count` of
    them.

    Both are `(batch, channels, height, width)` in the recipe's range; the errors are means over images and elements. If
    the images are not of the output in `[model]`, they are shown under their tensor's name. Only a part of many images
    is in memory at a time.
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
    """Decode images from codes `(batch, code)` that are drawn from the prior."""
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
    posterior: Annotated[Handle, Role.POSTERIOR],
    prior: Annotated[Prior, Role.PRIOR],
    *labels: Handle,
    draws: Count = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure the information in a code: KL(posterior ‖ prior) in nats, of the test images.

    It is computed in closed form, dimension by dimension, if the prior has one, and else estimated by draws of
    `posterior` `(batch, code)`, as in `kl_estimate`. Figures: `nats_per_image`, the sum over the code, mean over
    images; in closed form also `active_dimensions`, how many have more than 0.01 nats. A prior that depends on labels
    needs them.

    Args:
        posterior: of the code.
        prior: of the same code.
        labels: that the prior depends on.
        draws: of each image, if there is no closed form.
        generator: source of the draws.

    Raises ValueError for a tensor that is not a posterior, a spatial code, and inputs that the prior rejects.
    """
    values, given = _on_the_device(posterior, labels)
    if not hasattr(prior, "kl_divergence"):
        nats = _estimated(values, prior, given, draws, generator)
        summary = f"{number(nats)} nats per image, by {draws} draws of each"
        return Result({"nats_per_image": nats}, summary=summary)
    with torch.no_grad():
        elements, _ = prior.kl_divergence(values, *given).cpu().mean(0).sort(descending=True)
    figures = {"nats_per_image": float(elements.sum()), "active_dimensions": float((elements > ACTIVE).sum())}
    curve = line_plot(
        "Nats by dimension",
        {"KL from the prior": (list(range(1, len(elements) + 1)), elements.tolist())},
        x_label="dimensions of the code, the largest first",
        y_label="nats per image",
    )
    active = f"{figures['active_dimensions']:.0f} of {len(elements)} dimensions active"
    return Result(figures, pictures=[curve], summary=f"{number(figures['nats_per_image'])} nats per image; {active}")


def _on_the_device(posterior: Handle, labels: Sequence[Handle], count: int | None = None) -> tuple[Any, list[Tensor]]:
    """Return the posterior of the test images, or of the first, and their labels. Raises ValueError if it is not a
    posterior."""
    device, values = posterior.run.device, posterior.read("test", count=count)
    centre_of(f"divergence({posterior.name}, prior)", values)
    on_device = map_tensors(lambda part: part.to(device), values)
    return on_device, [label.read("test", count=count).to(device) for label in labels]


@torch.no_grad()
def _estimated(
    posterior: Any, prior: Any, labels: Sequence[Tensor], draws: int, generator: torch.Generator | None
) -> float:
    call = "divergence(posterior, prior)"
    each = (drawn_from(call, posterior, generator=generator) for _ in range(draws))
    return sum(float(kl_estimate(draw, posterior, prior, *labels, reduction="sum")) for draw in each) / draws


@before_training(divergence)
def _before_training(posterior: Handle, prior: Any, *labels: Handle, **options: Any) -> None:
    """Raise ValueError for a posterior or labels that the prior rejects: a mixture's closed form needs the class."""
    values, given = _on_the_device(posterior, labels, count=1)
    with torch.no_grad():
        if hasattr(prior, "kl_divergence"):
            prior.kl_divergence(values, *given)
        else:
            _estimated(values, prior, given, 1, torch.Generator().manual_seed(0))
