"""The use of codebooks' vectors, as an evaluation of a trained run."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import nn

from semreg.core import Handle, Result, Table
from semreg.pictures import line_plot
from semreg.trained import better
from semreg_vae.quantization import require_quantized, usage


@better(higher=["perplexity", "used"], units={"used": "share"})
def codebook_usage(
    q: Handle, codebook: nn.Module, *, split: str = "test", count: Annotated[int, Ge(1)] | None = None
) -> Result:
    """Count how many vectors of its codebooks a quantiser uses for a split's codes, and how evenly.

    Source: van den Oord et al., *Neural Discrete Representation Learning* (2017), whose code reports the perplexity.

    Figures, means over stages: `perplexity`, exp of the entropy of the vectors' shares, from 1 to the size of a
    codebook; `used`, the share of vectors that represent a code. With several stages also `perplexity_1` of the first,
    `perplexity_2` and so on.

    Args:
        q: the quantiser's output, with indices int64 `(batch, stages, ...)`.
        codebook: the quantiser.
        split: whose codes are counted.
        count: of how many images, the first ones (all by default).

    Raises ValueError for anything but a quantiser and its output.
    """
    sizes = _sizes(codebook)
    found = []
    for batch in q.batches(split, count=count):
        require_quantized(batch, f"codebook_usage({q.name}, codebook)")
        found.append(batch.indices)
    stages = [usage(torch.cat([part[:, stage] for part in found]), size) for stage, size in enumerate(sizes)]
    figures = {
        "perplexity": sum(stage.perplexity for stage in stages) / len(stages),
        "used": sum(stage.used for stage in stages) / len(stages),
    }
    if len(stages) > 1:
        figures |= {f"perplexity_{number}": stage.perplexity for number, stage in enumerate(stages, 1)}
    codes = sum(part[:, 0].numel() for part in found)
    table = Table(
        f"Codebooks of {q.name}",
        ("stage", "vectors", "perplexity", "used"),
        [
            (number, size, stage.perplexity, stage.used)
            for number, (size, stage) in enumerate(zip(sizes, stages, strict=True), 1)
        ],
        caption=f"From {codes} {split} codes. The perplexity is the number of vectors if all are used alike.",
    )
    curves = {
        f"stage {number}": (list(range(1, len(stage.shares) + 1)), stage.shares.sort(descending=True).values.tolist())
        for number, stage in enumerate(stages, 1)
    }
    picture = line_plot(
        f"How often {q.name} has each vector",
        curves,
        x_label="vectors of the codebook, the most frequent first",
        y_label="share of the codes",
        caption=f"From {codes} {split} codes.",
    )
    summary = (
        f"{q.name} has {figures['used']:.0%} of {' + '.join(map(str, sizes))} vectors, perplexity "
        f"{figures['perplexity']:.1f}"
    )
    return Result(figures, tables=[table], pictures=[picture], summary=summary)


def _sizes(codebook: Any) -> tuple[int, ...]:
    sizes = getattr(codebook, "sizes", None)
    if not isinstance(sizes, tuple):
        raise ValueError(f"codebook_usage(q, codebook) takes a quantiser; found a {type(codebook).__name__}")
    return sizes
