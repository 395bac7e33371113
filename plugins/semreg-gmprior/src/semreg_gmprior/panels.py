"""Panels of `semreg explore` for the two codes of a Gaussian-mixture prior's run, and for inpainting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from semreg.core import ClassField, ImageField
from semreg.trained import Choice, Mask, Panel, Run, Seen, Slider, Strip, drawn_by, labels_of
from semreg_gmprior.inpainting import inpaint
from semreg_gmprior.prior import GaussianMixture

OWN = "the image's own"


def mixture(run: Run) -> Panel | None:
    """Build sliders that move z_s from class to class, and away from its class's mean, and z_u to a draw from its
    prior."""
    labelled = labels_of(run, ClassField)
    priors = {code: run.module(name) for code, name in run.roles.prior.items()}
    mixtures = {label: code for label, code in labelled.items() if isinstance(priors.get(code), GaussianMixture)}
    if len(mixtures) != 1 or not (run.roles.input and run.roles.output):
        return None
    [(label, relevant)] = mixtures.items()
    prior: Any = priors[relevant]
    field: Any = run.fields[label]
    free = {code: other for code, other in priors.items() if code != relevant and hasattr(other, "sample")}
    distance, way, draw = f"{relevant}: distance", "style: toward a drawn one", "style: which drawn one"

    def strips(seen: Sequence[Seen], values: Any) -> list[Strip]:
        codes = dict(seen[0].codes)
        wanted = None if values["class"] == OWN else field.names.index(values["class"])
        codes[relevant] = moved(codes[relevant], prior, wanted, values[distance])
        for code, other in free.items():
            generator = drawn_by(round(values[draw]), f"explore {code}")
            with torch.no_grad():
                drawn: Tensor = other.sample(1, generator=generator).to(codes[code])  # type: ignore[operator]
            codes[code] = torch.lerp(codes[code], drawn.view_as(codes[code]), values[way])
        return [Strip(codes=codes)]

    controls: list[Any] = [Choice("class", (OWN, *field.names), OWN), Slider(distance, 0, 2, 1)]
    if free:
        controls += [Slider(way, 0, 1), Slider(draw, 0, 99, step=1)]
    rest = (
        " Style is the other code, all that the class does not tell: it goes toward one drawn from its prior."
        if free
        else ""
    )
    return Panel(
        "Class and style",
        f"The code of the class, {relevant}, takes the same place in the normal distribution of another class; its "
        f"distance from the mean is 1 as it was, and 0 is the mean.{rest}",
        strips,
        controls,
    )


def moved(codes: Tensor, prior: GaussianMixture, wanted: int | None, distance: float) -> Tensor:
    """Move codes `(batch, code)` from their own class, the most probable one, to the same place in the distribution of
    the class `wanted`, at `distance` times their distance from the mean; None keeps their own class."""
    if wanted is None and distance == 1:
        return codes
    with torch.no_grad():
        every = torch.arange(prior.classes, device=prior.means.device)
        given = codes.to(prior.means)
        densities = torch.stack([prior.log_probability(given, label.expand(len(given))) for label in every], 1)
        own = densities.argmax(1)
        other = own if wanted is None else torch.full_like(own, wanted)
        deviations = torch.exp(0.5 * prior.floored_log_variances())
        place = (given - prior.means[own]) / deviations[own]
        return (prior.means[other] + distance * place * deviations[other]).to(codes)


def inpainting(run: Run) -> Panel | None:
    """Build a mask to paint on the image; the run fills in the part from the rest, as `semreg inpaint` does."""
    roles = run.roles
    image: Any = run.fields.get(roles.input)
    if not roles.output or not isinstance(image, ImageField):
        return None
    needed = run.tensor(roles.output).needs(roles.input)
    made = run.tensor(roles.output).given(**_blank(run, image, needed))
    if len(needed) > 1 or made.shape[1:] != (image.channels, image.height, image.width):
        return None
    told: Any = [run.fields[name] for name in needed]
    classes = [Choice("class", field.names, field.names[0]) for field in told if isinstance(field, ClassField)]
    if len(classes) != len(told):
        return None

    def strips(seen: Sequence[Seen], values: Any) -> list[Strip]:
        done = inpaint(run, seen[0].image, values["part"], label=values.get("class"))
        return [Strip(images=torch.cat([*done]), labels=["what the run sees", "filled in"])]

    return Panel(
        "Inpainting",
        "Paint on the image: the run removes that part, and fills it in from the rest.",
        strips,
        [Mask("part"), *classes],
    )


def _blank(run: Run, image: ImageField, needed: set[str]) -> dict[str, Tensor]:
    labels = {name: torch.zeros(1, dtype=torch.int64) for name in needed}
    return {run.roles.input: torch.full((1, image.channels, image.height, image.width), run.value_range[0]), **labels}
