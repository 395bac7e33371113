"""DCI with explicitness and size.

Source: Eastwood, Nicolicioiu, von Kügelgen et al., *DCI-ES: An Extended Disentanglement Framework with Connections to
Identifiability* (2023).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from semreg_disentanglement.functional.common import drawn_seed, fitting, held_out, inputs, standardised
from semreg_disentanglement.functional.dci import Regressor, dci_of_inputs
from semreg_disentanglement.functional.sharing import sharing

CALL = "dci_es(codes, factors)"
CAPACITIES = (0, 16, 64, 256)
"""How many random Fourier features the probes have besides the code itself: a linear probe first, then four times as
many each."""
PENALTY = 0.1
"""The weight of half the squared weights of a probe, besides the cross-entropy summed over images."""


class DCIES(NamedTuple):
    """The result of `dci_es`; NaN for those that were left out as constant."""

    disentanglement: float
    completeness: float
    informativeness: float
    explicitness: float
    """From 0 to 1, the mean over factors: 1 if a linear probe loses no more than larger ones."""
    size: float
    """The number of factors divided by that of dimensions, of those that vary."""
    by_factor: Tensor
    """The explicitness of each factor, float64 `(factors,)`."""
    losses: Tensor
    """The least loss of a probe up to each capacity, by factor, float64 `(capacities, factors)`; guessing has 1."""
    matrix: Tensor
    """The importances of `dci`, float64 `(dimensions, factors)`."""
    coded_by: Tensor
    """The most important dimension for each factor, int64 `(factors,)`, -1 for a constant factor."""


def dci_es(
    codes: Tensor,
    factors: Tensor,
    *,
    regressor: Regressor = "extra_trees",
    generator: torch.Generator | None = None,
) -> DCIES:
    """Compute DCI with explicitness (how little capacity a probe needs to predict factors) and size (factors by
    dimensions).

    E = 1 − 2 Σ area between the loss-capacity curve and its least loss / ((κ_max − κ_min) ℓ_b), with ℓ_b the loss of
    guessing; S = K / D (Eastwood et al., *DCI-ES: An Extended Disentanglement Framework with Connections to
    Identifiability* (2023), with ℓ* = 0 in the greatest area, as in the authors' code). A code without information has
    a flat curve and E = 1: read E beside informativeness.

    A probe is a logistic regression on the standardised code and none, 16, 64 or 256 random Fourier features of it,
    which are capacities of 0, 1, 2 and 3; its loss is the cross-entropy on held-out images over that of the classes'
    shares.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned.
        regressor: of `dci`.
        generator: source of the images held out, a third, of the trees and of the features.

    Raises:
        ValueError: for other shapes, numbers that are not finite, fewer images than dimensions, or none that vary, and
            for a factor whose value no two images share.
    """
    given = inputs(CALL, codes, factors)
    sharing(CALL, given)  # which refuses a factor that no images teach of others
    generator = generator or torch.Generator().manual_seed(0)
    found = dci_of_inputs(given, regressor, generator)
    train, test = held_out(len(given.codes), generator)
    points, seed = standardised(given.codes, train), drawn_seed(generator)
    losses = torch.stack([_losses(points, factor, train, test, seed) for factor in given.factors.T], 1)
    least = losses.cummin(0).values
    above = least - least[-1]
    areas = (above[:-1] + above[1:]).sum(0) / 2
    explicitness = 1 - 2 * areas / (len(CAPACITIES) - 1)
    return DCIES(
        found.disentanglement,
        found.completeness,
        found.informativeness,
        float(explicitness.mean()),
        len(given.places) / len(given.dimensions),
        given.of_factors(explicitness),
        torch.stack([given.of_factors(row) for row in least]),
        found.matrix,
        found.coded_by,
    )


def _losses(codes: Tensor, factor: Tensor, train: Tensor, test: Tensor, seed: int) -> Tensor:
    """Return the loss of a probe of each capacity, float64 `(capacities,)`."""
    from sklearn.kernel_approximation import RBFSampler
    from sklearn.linear_model import LogisticRegression

    shares = (factor[train].bincount(minlength=int(factor.max()) + 1) / len(train)).double()
    known = test[shares[factor[test]] > 0]  # a class that no training image has is infinitely improbable to all
    guessed = -shares[factor[known]].log().sum()
    found = []
    for capacity in CAPACITIES:
        points = codes.numpy()
        if capacity:
            features = RBFSampler(gamma="scale", n_components=capacity, random_state=seed).fit(points[train])
            points = np.concatenate([points, features.transform(points)], 1)
        with fitting():
            model = LogisticRegression(C=1 / PENALTY).fit(points[train], factor[train].numpy())
        probabilities = torch.from_numpy(model.predict_proba(points[known]))
        columns = torch.from_numpy(np.searchsorted(model.classes_, factor[known].numpy()))
        own = probabilities.gather(1, columns[:, None]).clamp(min=torch.finfo(probabilities.dtype).eps)
        found.append(-own.log().sum() / guessed)
    return torch.stack(found)
