"""The predictability of a label from a code, as a loss without an opponent: an adversarial classifier
in closed form."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn import functional

from semreg.components.functional import in_float32
from semreg.core import Role, require_classes, shape_error

SMALLEST_VARIANCE = 1e-8
FREQUENCIES = (0.1, 0.6)


@in_float32
def predictability(
    codes: Annotated[Tensor, Role.REST],
    labels: Annotated[Tensor, Role.LABEL],
    *,
    classes: Annotated[int, Ge(1), Role.CLASSES],
    waves: Annotated[int, Ge(0)] = 48,
    ridge: Annotated[float, Gt(0)] = 0.1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Compute the share of the labels' variance in a batch that a ridge regression on features of the codes explains.

    An encoder that minimises it hides the label from every such regression, at once and for every batch; an adversarial
    classifier always lags behind. The features are the codes, standardised over the batch, and cosines and sines of
    `waves` random projections of them, drawn for each call (Rahimi and Recht, *Random Features for Large-Scale Kernel
    Machines*, 2007), so that in the long run every function of the code is covered. The idea that a code should not be
    predictable is Schmidhuber's (*Learning Factorial Codes by Predictability Minimization*, 1992).

    It is from 0 to 1; for codes without information it is also above 0, since a batch is small. It is 0 if there is
    nothing to explain: in a batch of one image, of one class, or of identical codes. Shifts of the codes and scales of
    their elements don't change it.

    Args:
        codes: `(batch, code)`.
        labels: the classes, integers `(batch,)`.
        classes: how many there are, as `"@digit.classes"`.
        waves: how many random projections.
        ridge: the penalty on the regression's weights, relative to the features' mean square.
        generator: source of the projections.

    Returns:
        A scalar, computed in float64; float64 for codes of float64, else float32.

    Raises:
        ValueError: for codes of another shape, or labels outside the classes.
    """
    if codes.ndim != 2:
        raise shape_error(
            "predictability(codes, labels)", "batch code, batch", "the codes are not vectors", codes, labels
        )
    require_classes("predictability(codes, labels)", labels, rows=len(codes), classes=classes)
    points = codes.double()
    if len(points) < 2:
        return (0 * points).sum().to(codes.dtype)
    centred = points - points.mean(0)
    scaled = centred / (centred.square().mean(0) + SMALLEST_VARIANCE).sqrt()
    features = _centred(torch.cat([scaled, *_waves(scaled, waves, generator)], 1))
    targets = _centred(functional.one_hot(labels.long(), classes).to(points))
    explained = features.mT @ targets
    penalty = ridge * len(points) * (features.square().mean() + SMALLEST_VARIANCE)
    gram = features.mT @ features + penalty * torch.eye(features.shape[1], device=codes.device, dtype=points.dtype)
    weights = torch.linalg.solve_ex(gram, explained)[0]  # the result of `solve`, without its check for success
    share = (explained * weights).sum() / targets.square().sum().clamp(min=0.5)
    return cast(Tensor, share.to(codes.dtype))


predictability.couples_rows = True  # type: ignore[attr-defined]


def _waves(points: Tensor, count: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of random projections of points `(batch, code)`, `(batch, count)` each."""
    device = points.device if generator is None else generator.device
    directions = torch.randn(points.shape[1], count, generator=generator, device=device).to(points)
    low, high = FREQUENCIES
    frequencies = low + (high - low) * torch.rand(count, generator=generator, device=device).to(points)
    angles = points @ (directions * frequencies)
    return angles.cos(), angles.sin()


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(0)
