"""semreg's losses of triplets beside pytorch-metric-learning's: equal values, and the time of a loss with its gradient.

    pip install -e plugins/semreg-metric-learning

Codes are normal, 16 numbers each, of ten classes. *triplet* and `triplet_margin` are one loss: Euclidean distances, all
triplets, the mean over the active ones. *atnl* measures angles, which the library doesn't, and only its time can be
compared. *contrastive, adapted* is the library's own loss as a component of semreg.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.measure import (  # fmt: skip
    FULL,
    QUICK,
    Effort,
    Findings,
    Goal,
    Table,
    in_turns,
    median_ratio,
    milliseconds,
    run_topics,
    seconds,
)
from semreg.core import as_module

CLASSES, CODE = 10, 16
BATCHES = (64, 256)
MARGIN = 1.0
MOST_DIFFERENCE = 1e-5
"""Relative, of values and of gradients in their order of size: another order of sums in float32."""


def pairs() -> dict[str, tuple[nn.Module, nn.Module, bool]]:
    """Ours, the library's, and whether their values are equal."""
    from pytorch_metric_learning.losses import ContrastiveLoss

    euclidean = {"use": "lp", "normalize_embeddings": False}
    theirs = as_module("triplet_margin", margin=MARGIN, distance=euclidean)
    return {
        "triplet": (as_module("triplet", margin=MARGIN), theirs, True),
        "atnl": (as_module("atnl", margin=MARGIN, neighbors="none"), theirs, False),
        "contrastive, adapted": (as_module("contrastive"), ContrastiveLoss(), True),
    }


def batch(rows: int) -> tuple[Tensor, Tensor]:
    """Codes and their classes."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, CODE, generator=generator), torch.randint(CLASSES, (rows,), generator=generator)


def with_gradient(loss: Callable[..., Tensor], codes: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """The value of a loss, and its gradient to the codes."""
    leaf = codes.clone().requires_grad_()
    value = loss(leaf, labels)
    (slope,) = torch.autograd.grad(value, leaf)
    return value.item(), slope


def measure(effort: Effort) -> Findings:
    """Each pair on each batch."""
    rows, goals = [], []
    for name, (ours, theirs, equal) in pairs().items():
        for count in BATCHES:
            given = batch(count)
            (value, slope), (other, expected) = with_gradient(ours, *given), with_gradient(theirs, *given)
            both = {"ours": ours, "theirs": theirs}
            taken = in_turns(
                {key: partial(seconds, partial(with_gradient, loss, *given)) for key, loss in both.items()},
                effort.rounds,
            )
            times = [milliseconds(statistics.median(taken[key])) for key in both]
            ratio = median_ratio(taken["ours"], taken["theirs"])
            shown = [f"{value:.6f}", f"{other:.6f}"] if equal else ["", ""]
            rows.append([name, f"{count}", *shown, *times, f"{ratio:.2f}"])
            if equal:
                difference = max(abs(value - other) / abs(other), float((slope - expected).abs().max()) * count)
                found = f"{difference:.1e}"
                goals.append(
                    Goal(f"{name}, {count} codes", "equal values and gradients", found, difference < MOST_DIFFERENCE)
                )
    columns = ["loss", "codes", "value", "theirs", "ms", "theirs, ms", "ratio"]
    return Findings([Table("Values and times", columns, rows)], goals)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--quick", action="store_true", help="one round of each, to see that it works")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    run_topics(["losses"], lambda _: measure(effort), f"# Metric learning\n\n{__doc__}", page=arguments.page)


if __name__ == "__main__":
    main()
