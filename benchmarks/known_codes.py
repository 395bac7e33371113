"""What each metric of disentanglement says of codes that are made, so that it is known what is true of them.

A part of `python -m benchmarks.disentanglement`; docs/disentanglement.md reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import semreg_disentanglement as ours
import torch
from semreg_disentanglement.functional.common import figures
from torch import Tensor

from benchmarks.measure import Table

SIZES, COPIES, BLUR = (3, 4, 5, 6), 10, 0.05
"""Classes of four factors, images of each combination, and the deviation of the noise on what is told."""
METRICS: Mapping[str, Callable[[Tensor, Tensor], Any]] = {
    "MIG": ours.mig,
    "SAP": ours.sap,
    "DCI": ours.dci,
    "Ridgeway and Mozer": ours.modularity_explicitness,
    "FactorVAE": ours.factor_vae_score,
    "β-VAE": ours.beta_vae_score,
    "IRS": ours.irs,
    "InfoMEC": ours.infomec,
}


def known_codes() -> tuple[Tensor, dict[str, Tensor]]:
    """Factors int64 `(images, 4)`, every combination as often, and by what is true of them codes `(images, code)`."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.cartesian_prod(*map(torch.arange, SIZES)).repeat(COPIES, 1)
    images = len(factors)

    def noise(dimensions: int) -> Tensor:
        return torch.randn(images, dimensions, dtype=torch.float64, generator=generator)

    def told(values: Tensor) -> Tensor:
        values = values.double()
        return (values - values.mean(0)) / values.std(0) + BLUR * noise(values.shape[1])

    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=generator)).Q
    orders = [torch.randperm(size, generator=generator) for size in SIZES]
    shuffled = torch.stack([order[factor] for order, factor in zip(orders, factors.T, strict=True)], 1)
    pair = factors[:, :1] * SIZES[1] + factors[:, 1:2]
    return factors, {
        "each factor in a dimension of its own": told(factors),
        "values in any order": told(shuffled),
        "each factor in two dimensions": torch.cat([told(factors), told(factors)], 1),
        "two factors in one dimension": torch.cat([told(pair), told(factors[:, 2:])], 1),
        "turned": told(factors) @ turn,
        "as much noise as factor": told(factors) + noise(4),
        "two of four factors, and noise": torch.cat([told(factors[:, :2]), noise(2)], 1),
        "all factors, and four of noise": torch.cat([told(factors), noise(4)], 1),
        "noise": noise(4),
    }


def known_table() -> Table:
    """The figures of every metric for each code."""
    factors, codes = known_codes()
    rows: list[list[str]] = []
    columns: list[str] = []
    for name, code in codes.items():
        found = [
            (f"{metric}: {figure}" if len(values) > 1 else metric, value)
            for metric, measure in METRICS.items()
            for values in [figures(measure(code, factors))]
            for figure, value in values.items()
        ]
        columns = [column for column, _ in found]
        rows.append([name, *(f"{value:.2f}" for _, value in found)])
    transposed = [[column, *(row[place] for row in rows)] for place, column in enumerate(columns, 1)]
    size = f"{len(factors):,} images, factors of {', '.join(map(str, SIZES))} classes, one seed."
    return Table("Codes that are known", ["figure", *codes], transposed, size)
