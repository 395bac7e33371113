"""Unsupervised disentanglement ranking, which needs no factors.

Source: Duan et al., *Unsupervised Model Selection for Variational Disentangled Representation Learning* (2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray
from torch import Tensor

from semreg.core import shape_error
from semreg_disentanglement.functional.common import varying

Matrix = NDArray[np.float64]


class UDR(NamedTuple):
    """The result of `udr`."""

    scores: Tensor
    """`(runs,)`, float64: for each run the median over the others. A higher score means more disentangled."""
    pairwise: Tensor
    """`(runs, runs)`, float64, NaN on the diagonal: column i has the agreement of the others with run i."""
    informative: tuple[Tensor, ...]
    """For each run the dimensions that count, `(code,)` bool."""


def udr(
    codes: Sequence[Tensor],
    *,
    similarity: Literal["lasso", "spearman"] = "lasso",
    penalty: Annotated[float, Gt(0)] = 0.1,
    least_variance: Annotated[float, Ge(0), Le(1)] = 0.02,
    informative: Sequence[Tensor] | None = None,
) -> UDR:
    """Rank runs by their codes of the same images (unsupervised disentanglement ranking).

    Runs that disentangle find the same dimensions, except for order and sign; others each mix them in their own way.
    With R(a, b) the similarity of dimension a of run j to b of run i, r_a and r_b the largest in its row and column,
    and d_i and d_j how many dimensions are informative, UDR_ji = (Σ_b r_b² / Σ_a R(a, b) + Σ_a r_a² / Σ_b R(a, b)) /
    (d_i + d_j), over informative dimensions. The score of run i is the median over j.

    Source: Duan et al., *Unsupervised Model Selection for Variational Disentangled Representation Learning* (2020).
    disentanglement_lib averages the means of both sums, which is the same if d_i = d_j. Independent dimensions that are
    the same except for order and sign give 1 by rank correlations in the limit of many images, and 1 − `penalty` by
    Lasso, which shrinks its weights. The paper compares seeds of one recipe: runs that all find the same mixture also
    agree.

    The paper calls a dimension informative if a posterior's KL divergence to the prior is above 0.01 nats in it. If
    codes follow the prior, that is a variance of the posterior's mean above 0.02. This is the condition here
    (decision), as a share of the largest variance in the code, so that codes need no posterior.

    Args:
        codes: for each of two or more runs `(images, code)`, of any width, of the same images in the same order.
        similarity: "lasso", the absolute weights of a regression of each dimension of run i on all of run j, both
            standardised, with an L1 penalty; or "spearman", absolute rank correlations.
        penalty: weight of the L1 penalty, with half the mean squared error.
        least_variance: of an informative dimension, as a share of the largest variance in its code.
        informative: for each run the informative dimensions, `(code,)` bool, instead of `least_variance`.

    Raises:
        ValueError: for fewer than two runs, shapes that don't fit, and codes that are not finite.
    """
    from scipy.stats import rankdata

    checked = _checked(codes, informative)
    masks = []
    for run, values in enumerate(checked):
        variance = values.var(0)
        enough = variance >= least_variance * variance.max() if informative is None else informative[run].cpu().bool()
        masks.append(enough & torch.isin(torch.arange(len(variance)), varying(values)))
    parts = [values[:, mask].numpy() for values, mask in zip(checked, masks, strict=True)]
    if similarity == "spearman":
        parts = [rankdata(part, axis=0) for part in parts]
    parts = [(part - part.mean(0)) / part.std(0) for part in parts]
    pairwise = torch.full((len(parts), len(parts)), torch.nan, dtype=torch.float64)
    for j, i in permutations(range(len(parts)), 2):
        pairwise[j, i] = _agreement(_similarities(parts[j], parts[i], similarity, penalty))
    return UDR(torch.from_numpy(np.nanmedian(pairwise.numpy(), axis=0)), pairwise, tuple(masks))


def _checked(codes: Sequence[Tensor], informative: Sequence[Tensor] | None) -> list[Tensor]:
    """Return the codes in float64. Raises ValueError as `udr` does."""
    codes = [torch.as_tensor(code) for code in codes]
    if len(codes) < 2:
        raise ValueError(f"udr compares runs with each other, found the codes of {len(codes)}")
    for number, code in enumerate(codes, 1):
        if code.ndim != 2 or len(code) != len(codes[0]) or len(code) < 2 or not code.shape[1]:
            raise shape_error("udr(codes)", "images code, ...", "two images at least, and the same in all runs", *codes)
        bad = int((~code.isfinite()).any(1).sum())
        if bad:
            raise ValueError(f"the codes of run {number} are not finite for {bad} of {len(code)} images")
    if informative is not None and [mask.shape for mask in informative] != [code.shape[1:] for code in codes]:
        raise shape_error("udr(informative=)", "code, ...", "one for each dimension is needed", *informative)
    return [code.detach().double().cpu() for code in codes]


def _similarities(source: Matrix, target: Matrix, similarity: str, penalty: float) -> Matrix:
    """Return R `(code of source, code of target)` of standardised values `(images, code)`."""
    if not (source.size and target.size):
        return np.zeros((source.shape[1], target.shape[1]))
    if similarity == "spearman":
        return np.abs(source.T @ target) / len(source)
    from sklearn.linear_model import Lasso

    weights: Matrix = Lasso(alpha=penalty).fit(source, target).coef_
    return np.abs(weights.reshape(target.shape[1], source.shape[1]).T)


def _agreement(similarities: Matrix) -> float:
    """Return UDR_ji of R `(a, b)`; 0 if a run has no informative dimension."""
    shares = []
    for axis in (0, 1):
        sums, largest = similarities.sum(axis), similarities.max(axis, initial=0)
        shares.append(np.divide(largest**2, sums, out=np.zeros_like(sums), where=sums > 0))
    return float(sum(part.sum() for part in shares) / max(sum(similarities.shape), 1))
