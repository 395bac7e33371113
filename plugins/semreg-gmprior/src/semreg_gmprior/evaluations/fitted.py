"""Images of codes drawn from normal distributions that are fitted to training codes, beside draws from the priors."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.components.functional import gaussian_draws, gaussian_moments
from semreg.core import Handle, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import (
    before_training,
    better,
    class_field,
    decoded,
    judged,
    mean_dissimilarity,
    read_codes,
    rows_by_class,
)

DRAWS = {
    "priors": "the priors, as the model samples",
    "apart": "one Gaussian for z_s of each class, one for z_u of all",
    "jointly": "one Gaussian for z_s and z_u of each class together",
}
MOST_ROWS = 10
"""How many classes pictures show, the first ones."""
SHOWN = 12
"""Images of each class in a picture."""


@better(
    higher=["*_recognised", "*_diversity", "*_ratio"],
    units={"*_recognised": "share", "*diversity*": "1 − MS-SSIM"},
)
def fitted_samples(
    relevant: Annotated[Handle, Role.CODE],
    prior_s: Annotated[Any, Role.PRIOR],
    irrelevant: Annotated[Handle, Role.REST],
    prior_u: Annotated[Any, Role.PRIOR],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    label: Annotated[Handle, Role.LABEL],
    image: Annotated[Handle, Role.INPUT],
    *,
    judge: Annotated[TrainedRun, Reads("probability")],
    count: Annotated[int, Gt(0)] = 200,
    compared: Annotated[int, Ge(2)] = 50,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure how many samples of each class a judge recognises, and their diversity: of the priors, and of fitted
    Gaussians.

    If codes of images fill only a part of their priors, the decoder has not seen the rest. Draws from Gaussians with
    the mean and covariance of training codes (z_u random as in training) stay in the filled part. The result shows them
    beside draws from the priors, which are the model's own.

    Source: beyond the paper.

    Figures, for `priors`, `apart` (one Gaussian for z_s of each class and one for z_u of all images) and `jointly` (one
    for z_s and z_u of each class side by side): `NAME_recognised`, the share of samples for which the judge predicts
    their class; `NAME_diversity`, 1 − mean MS-SSIM in a class, as in `intra_class_diversity`; `NAME_ratio`, this
    divided by `diversity_real`, that of as many test images.

    Args:
        relevant: z_s, `(batch, code)`.
        prior_s: its prior, a module that draws codes of given classes.
        irrelevant: z_u, `(batch, code)`.
        prior_u: its prior, a module to draw from.
        reconstruction: images computed from both codes, `(batch, channels, height, width)`.
        label: the field of classes. Those without training images are left out.
        image: the data's images.
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.
        count: how many samples of each class.
        compared: the most of them, and of test images, that diversity compares. A class with one doesn't count for it.
        generator: source of all draws.

    Raises ValueError for a prior that can't be drawn from.
    """
    _require_priors(relevant, prior_s, irrelevant, prior_u)
    field, parts = class_field(label), (relevant, irrelevant)
    known = [read_codes(part, "train", draws=True) for part in parts]
    sizes = [codes.shape[1] for codes in known]
    members, real = (rows_by_class(label.read(split), len(field.names)) for split in ("train", "test"))
    classes = [value for value, rows in enumerate(members) if len(rows)]
    recognised: dict[str, list[float]] = {name: [] for name in DRAWS}
    diversities: dict[str, list[float]] = {name: [] for name in (*DRAWS, "real")}
    shown: dict[str, list[Tensor]] = {name: [] for name in DRAWS}
    for value in classes:
        own = [codes[members[value]] for codes in known]
        drawn = {
            "priors": _of_priors(prior_s, prior_u, value, count, generator),
            "apart": torch.cat([_fitted(own[0], count, generator), _fitted(known[1], count, generator)], 1),
            "jointly": _fitted(torch.cat(own, 1), count, generator),
        }
        least = min(compared, count, len(real[value]))
        for name, codes in drawn.items():
            verdict = judged(judge, reconstruction, parts, codes, field)
            recognised[name].append(float((verdict == value).float().mean()))
            images = decoded(reconstruction, parts, codes[: max(least, SHOWN)])
            shown[name].append(images[:SHOWN])
            if least > 1:
                diversities[name].append(_diversity(image, images[:least]))
        if least > 1:
            diversities["real"].append(_diversity(image, image.at("test", real[value][:least])))
    figures = {f"{name}_recognised": _mean(shares) for name, shares in recognised.items()}
    if diversities["real"]:
        figures |= {f"{name}_diversity": _mean(diversities[name]) for name in DRAWS}
        figures["diversity_real"] = _mean(diversities["real"])
    if figures.get("diversity_real"):
        figures |= {f"{name}_ratio": figures[f"{name}_diversity"] / figures["diversity_real"] for name in DRAWS}
    table = Table(
        "Samples of each class, by how their codes are drawn",
        ("codes", "samples", "recognised as their class", "diversity within classes", "÷ real images'"),
        [
            (
                said,
                count * len(classes),
                figures[f"{name}_recognised"],
                figures.get(f"{name}_diversity"),
                figures.get(f"{name}_ratio"),
            )
            for name, said in DRAWS.items()
        ],
        caption=f"Gaussians have the mean and covariance of {len(known[0])} training images' codes of "
        f"{sizes[0]} + {sizes[1]} dimensions.",
    )
    pictures = [
        image_grid(
            f"Samples by class: {said}", images[:MOST_ROWS], value_range=image.run.value_range,
            row_labels=[field.names[value] for value in classes[:MOST_ROWS]], caption="Unselected.",
        )
        for said, images in zip(DRAWS.values(), shown.values(), strict=True)
    ]  # fmt: skip
    told = ", ".join(f"{name} {figures[f'{name}_recognised']:.1%}" for name in DRAWS)
    return Result(figures=figures, tables=[table], pictures=pictures, summary=f"recognised as their class: {told}")


@before_training(fitted_samples)
def _before_training(
    relevant: Handle, prior_s: Any, irrelevant: Handle, prior_u: Any, *handles: Handle, **options: Any
) -> None:
    """Raise ValueError for a prior that can't be drawn from."""
    _require_priors(relevant, prior_s, irrelevant, prior_u)


def _require_priors(relevant: Handle, prior_s: Any, irrelevant: Handle, prior_u: Any) -> None:
    for code, prior in ((relevant, prior_s), (irrelevant, prior_u)):
        if not hasattr(prior, "sample"):
            raise ValueError(f"the prior of {code.name!r} must be a module to draw from; found {prior!r}")


def _of_priors(prior_s: Any, prior_u: Any, value: int, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw z_s and z_u of a class from their priors, side by side, `(count, code)`."""
    with torch.no_grad():
        z_u = prior_u.sample(count, generator=generator)
        z_s = prior_s.sample(count, torch.full((count,), value, device=z_u.device), generator=generator)
    return torch.cat([z_s, z_u.to(z_s)], 1).cpu()


def _fitted(codes: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Return `count` draws from the normal distribution with the mean and covariance of codes `(rows, code)`."""
    return gaussian_draws(*gaussian_moments(codes), count, generator=generator).to(codes.dtype)


def _diversity(image: Handle, images: Tensor) -> float:
    low, high = image.run.value_range
    return mean_dissimilarity((images - low) / (high - low))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
