"""The counts behind the loss, on matrices of angles with many ties."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_atnl.triplets import triplet_counts
from torch import Tensor

eighths = st.integers(0, 12).map(lambda k: k / 8)


@st.composite
def matrices(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, float]:
    """Angles that are multiples of 1/8, roles of the columns in each row, and a margin that is such a multiple too."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    size = rows * columns
    theta = torch.tensor(draw(st.lists(eighths, min_size=size, max_size=size))).view(rows, columns)
    roles = torch.tensor(draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))).view(rows, columns)
    return theta, roles == 0, roles == 1, draw(st.integers(1, 8)) / 8


class TestCounts:
    @given(matrices(), st.sampled_from([torch.float32, torch.float64]))
    @settings(max_examples=300)
    def test_all_with_ties(self, matrix: tuple[Tensor, Tensor, Tensor, float], dtype: torch.dtype) -> None:
        theta, positive, negative, margin = matrix
        active = (theta[:, :, None] + margin - theta[:, None, :]) > 0  # strictly: a tie is a kink, with derivative 0
        active &= positive[:, :, None] & negative[:, None, :]
        found = triplet_counts(theta.to(dtype), theta.to(dtype) + margin, positive, negative, "all")
        assert torch.equal(found, active.sum(2) + active.sum(1))

    @given(matrices())
    @settings(max_examples=200)
    def test_semihard_takes_the_nearest_farther_negative(self, matrix: tuple[Tensor, Tensor, Tensor, float]) -> None:
        theta, positive, negative, margin = matrix
        found = triplet_counts(theta, theta + margin, positive, negative, "semihard")
        for row in range(len(theta)):
            angles_chosen = []
            for p in positive[row].nonzero().flatten():
                own = theta[row, p]
                farther = theta[row][negative[row] & (theta[row] > own)]
                chosen = len(farther) > 0 and bool(farther.min() < own + margin)
                assert found[row, p] == chosen
                angles_chosen += [float(farther.min())] if chosen else []
            # Of equally near negatives any may be the one.
            at_negatives = [
                float(theta[row, n]) for n in negative[row].nonzero().flatten() for _ in range(int(found[row, n]))
            ]
            assert sorted(at_negatives) == sorted(angles_chosen)
        assert (found[~positive & ~negative] == 0).all()

    @given(matrices())
    @settings(max_examples=200)
    def test_hard_takes_the_farthest_and_the_nearest(self, matrix: tuple[Tensor, Tensor, Tensor, float]) -> None:
        theta, positive, negative, margin = matrix
        found = triplet_counts(theta, theta + margin, positive, negative, "hard")
        assert (found[~positive & ~negative] == 0).all()
        for row in range(len(theta)):
            near, far = theta[row][negative[row]], theta[row][positive[row]]
            active = len(near) > 0 and len(far) > 0 and bool(near.min() < far.max() + margin)
            assert found[row][positive[row]].sum() == found[row][negative[row]].sum() == active
            if active:
                assert theta[row][positive[row] & (found[row] == 1)] == far.max()
                assert theta[row][negative[row] & (found[row] == 1)] == near.min()
