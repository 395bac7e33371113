"""A paired test of whether one run is right more often than another on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class PairedTest(NamedTuple):
    """McNemar's exact test of two runs' verdicts on the same images."""

    first_only: int
    """Images that only the first has right."""
    second_only: int
    """Images that only the second has right."""
    p_value: float
    """Two-sided: the probability that two runs with equal error rates differ at least as much."""


def paired_test(first: Sequence[bool], second: Sequence[bool]) -> PairedTest:
    """Compute McNemar's exact test of two entries of `Result.outcomes` over the same test images in the same order.

    Raises ValueError if their lengths differ.
    """
    from scipy.stats import binomtest  # takes a second, and many tables test nothing

    if len(first) != len(second):
        raise ValueError(f"a paired test is over the same images; {len(first)} and {len(second)} outcomes were given")
    ours, theirs = np.array(first, dtype=bool), np.array(second, dtype=bool)
    first_only, second_only = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    differing = first_only + second_only
    p_value = float(binomtest(first_only, differing).pvalue) if differing else 1.0
    return PairedTest(first_only, second_only, p_value)
