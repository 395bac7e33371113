"""Schedules of a rate or of a loss's weight over a phase: functions of (epochs so far, epochs in all) to the factor on
it.

`epoch` is fractional, 0 at the phase's first iteration. Your own schedule is such a function and an entry point in
`semreg.schedules`.
"""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Gt, Le


def constant(epoch: float, epochs: int) -> float:
    """Return 1 throughout."""
    return 1.0


def step(epoch: float, epochs: int, *, every: Annotated[int, Gt(0)], gamma: Annotated[float, Gt(0)] = 0.1) -> float:
    """Return `gamma` to the power of the number of completed periods of `every` epochs."""
    return float(gamma ** (int(epoch) // every))


def warmup(epoch: float, epochs: int, *, warmup: Annotated[float, Gt(0)]) -> float:
    """Rise evenly from 0 to 1 over `warmup` epochs, then stay at 1."""
    return min(epoch / warmup, 1.0)


def cyclical(
    epoch: float,
    epochs: int,
    *,
    cycles: Annotated[int, Gt(0)] = 4,
    rising: Annotated[float, Gt(0), Le(1)] = 0.5,
) -> float:
    """Rise evenly from 0 to 1 over a share `rising` of each of `cycles` equal parts of the phase, then stay at 1.

    Source: Fu et al., *Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing* (2019), Eq. 6 and 7.
    """
    gone = epoch * cycles / epochs % 1.0
    return min(gone / rising, 1.0)


def linear_decay(epoch: float, epochs: int, *, start: Annotated[int, Ge(0)] = 0) -> float:
    """Stay at 1 until epoch `start`, then fall evenly to 0 at the phase's end."""
    if epoch <= start or epochs <= start:
        return 1.0
    return (epochs - epoch) / (epochs - start)


def cosine(
    epoch: float, epochs: int, *, warmup: Annotated[float, Ge(0)] = 0.0, floor: Annotated[float, Ge(0), Le(1)] = 0.0
) -> float:
    """Rise evenly over `warmup` epochs, then fall along half a cosine from 1 to `floor`."""
    if epoch < warmup:
        return (epoch + 1e-8) / warmup
    gone = min((epoch - warmup) / max(epochs - warmup, 1e-8), 1.0)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * gone))
