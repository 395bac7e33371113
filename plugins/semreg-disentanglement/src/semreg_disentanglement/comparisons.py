"""Comparisons of several runs: which of them disentangles, judged by their agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from semreg.core import Handle, Result, Role, Table
from semreg.pictures import heat_map
from semreg.trained import better
from semreg_disentanglement.evaluations.common import Draws, Split, codes_of
from semreg_disentanglement.functional.common import Count, interval
from semreg_disentanglement.functional.udr import UDR
from semreg_disentanglement.functional.udr import udr as udr_of


@better(higher=["udr", "udr_best"], units={"*": "share"})
def udr(
    *codes: Annotated[Handle, Role.CODE],
    names: Sequence[str],
    similarity: Literal["lasso", "spearman"] = "lasso",
    penalty: Annotated[float, Gt(0)] = 0.1,
    least_variance: Annotated[float, Ge(0), Le(1)] = 0.02,
    split: Split = "test",
    count: Count = 10_000,
    draws: Draws = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Rank runs by how far the dimensions of their codes agree (unsupervised disentanglement ranking), without any
    factor.

    Source: Duan et al., *Unsupervised Model Selection for Variational Disentangled Representation Learning* (2020).

    Figures: `udr`, the mean of the runs' scores, with `udr_chance`, and `udr_low` and `udr_high`, an interval of 95 %
    over images; `udr_best`, the highest score, of the run that is considered the most disentangled. The table has the
    score of each.

    Args:
        codes: of each run, `(batch, code)`; spatial ones `(batch, channels, height, width)` are averaged over
            positions.
        names: of the runs in the table.
        similarity: of two codes' dimensions: absolute weights of a Lasso, or rank correlations.
        penalty: of the Lasso.
        least_variance: dimensions of a code with a smaller variance, as a share of the largest, don't count.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError for codes that are not finite, or fewer than two images.
    """
    generator = generator or torch.Generator().manual_seed(0)

    def found(values: Sequence[Tensor]) -> UDR:
        return udr_of(values, similarity=similarity, penalty=penalty, least_variance=least_variance)

    def order() -> Tensor:
        return torch.randperm(images, generator=generator)

    read = [codes_of(code, split) for code in codes]
    images = len(read[0])
    rows = order()[:count].sort().values
    read = [values[rows] for values in read]
    images = len(rows)
    scores, pairwise, informative = found(read)
    shuffled = [found([values[order()] for values in read]).scores.mean() for _ in range(draws)]
    halves = [order()[: max(2, images // 2)] for _ in range(draws)]
    spread = torch.stack([found([values[half] for values in read]).scores.mean() for half in halves]).std()
    mean, best = float(scores.mean()), int(scores.argmax())
    low, high = interval(mean, float(spread))
    figures = {
        "udr": mean,
        "udr_low": low,
        "udr_high": high,
        "udr_chance": float(torch.stack(shuffled).mean()),
        "udr_best": float(scores[best]),
    }
    how = f"By {'rank correlations' if similarity == 'spearman' else 'Lasso'}, on {images:,} {split} images"
    table = Table(
        "How far each run agrees with the others",
        ("run", "score", "dimensions that count", "of"),
        [
            (name, score, int(mask.sum()), len(mask))
            for name, score, mask in zip(names, scores.tolist(), informative, strict=True)
        ],
        caption=f"{how}: the median over the other runs, from 0 to 1. Numbers that hardly vary don't count.",
    )
    picture = heat_map(
        "How far the run of a row agrees with that of a column",
        pairwise,
        list(names),
        caption=f"{how}; a run's score is the median of its column.",
        limits=(0, 1),
    )
    summary = f"runs agree by {mean:.3f} (chance {figures['udr_chance']:.3f}), {names[best]} the most"
    return Result(figures, tables=[table], pictures=[picture], summary=summary)
