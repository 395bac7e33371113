"""Principal directions of a run's codes: those of the largest variance."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from semreg.trained import Run, read_codes, vary

MOST_CODES = 1000
"""How many test images they are computed from, the first ones."""


class Directions(NamedTuple):
    """The principal directions of codes, flattened, float32."""

    mean: Tensor
    """`(code,)`."""
    directions: Tensor
    """`(count, code)`, of unit length, by falling variance; their largest element is positive."""
    deviations: Tensor
    """`(count,)`: the standard deviations along them, none 0."""
    codes: Tensor
    """`(images, count)`: the positions of the first test images, in deviations."""

    def place(self, codes: Tensor) -> Tensor:
        """Return the positions of codes `(rows, …)`, in deviations from the mean, `(rows, count)`."""
        return (codes.flatten(1).float() - self.mean) @ self.directions.T / self.deviations


def directions_of(run: Run, code: str, count: int) -> Directions:
    """Return `count` principal directions of a code, or as many as it has.

    Raises as `read_codes` does, and ValueError for codes that don't differ.
    """
    from sklearn.decomposition import PCA

    codes = read_codes(run.tensor(code), "test", count=MOST_CODES, flat=True).float()
    if not vary(codes):
        raise ValueError(f"the codes {code!r} of all test images are equal, so they have no directions")
    count = min(count, *codes.shape)
    fitted = PCA(count, random_state=0).fit(codes.double().numpy())
    variances = torch.from_numpy(fitted.explained_variance_)
    kept = int((variances > 1e-12 * variances[0]).sum())
    mean, directions = (torch.from_numpy(part).float() for part in (fitted.mean_, fitted.components_[:kept]))
    directions = directions * directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    found = Directions(mean, directions, variances[:kept].sqrt().float(), codes)
    return found._replace(codes=found.place(codes))
