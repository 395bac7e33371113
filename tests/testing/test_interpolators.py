"""The kit finds what is wrong with interpolators."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from semreg.core import Order
from semreg.testing import (
    check_interpolator,
)

A, B = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))


def straight(a: Tensor, b: Tensor, weight: Tensor | float, *, fault: str = "") -> Tensor:
    """From `a` to `b`, `(batch, code)` (2020)."""
    match fault:
        case "endpoints":
            weight = 0.99 * weight
        case "weights":
            weight = float(torch.as_tensor(weight).flatten()[0])
        case "rows":
            a = a - a.mean(0) + a.mean(0).roll(1)
        case "gradient":
            b = b.detach()
        case "degenerate":
            length = (b - a).norm(dim=1, keepdim=True)
            return a + (b - a) / length * (weight * length)
        case "dtype":
            return (a + weight * (b - a)).float()
        case "inputs kept":
            a.data += 1.0
            return a - 1.0 + weight * (b - a + 1.0)
    return a + weight * (b - a)


def test_each_fault_of_an_interpolator_is_found() -> None:
    check_interpolator(straight, A, B)
    for fault in ("endpoints", "weights", "rows", "gradient", "degenerate", "dtype", "inputs kept"):
        with pytest.raises(AssertionError) as raised:
            check_interpolator(straight, A.clone(), B.clone(), options={"fault": fault})
        assert f"  {fault}: " in str(raised.value)


def test_an_interpolator_that_is_fitted_needs_labels() -> None:
    class Fitted:
        """Codes `(batch, code)`."""

        def fit(self, codes: Tensor, labels: Tensor, order: str) -> None: ...

    with pytest.raises(ValueError, match="give the classes of `a` as labels"):
        check_interpolator(Fitted, A, B)


class Between:
    """From `a` to `b` by way of the mean of the codes, `(batch, code)` (2020)."""

    def __init__(self, *, forgets: bool = False) -> None:
        self.forgets, self.mean = forgets, torch.zeros(())

    def fit(self, codes: Tensor, labels: Tensor, order: Order) -> None:
        assert (labels.shape, order) == (codes.shape[:1], "line")
        self.mean = codes.mean(0)

    def state(self) -> dict[str, Tensor]:
        return {"mean": self.mean}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        if not self.forgets:
            self.mean = state["mean"]

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        weight = torch.as_tensor(weight)
        path = torch.lerp(a, b, weight.to(a)) + 4 * (weight * (1 - weight)).to(a) * self.mean.to(a)
        return torch.where(weight == 0, a, torch.where(weight == 1, b, path))


def test_an_interpolator_that_is_fitted_is_fitted_first() -> None:
    seen: list[Tensor] = []
    fit = Between.fit

    class Watched(Between):
        """From `a` to `b`, `(batch, code)` (2020)."""

        def fit(self, codes: Tensor, labels: Tensor, order: Order) -> None:
            seen.append(codes)
            fit(self, codes, labels, order)

    check_interpolator(Watched, A, B, labels=torch.arange(5), order="line")
    assert len(seen) == 1
    assert torch.equal(seen[0], A)


def test_an_interpolator_that_is_fitted_gives_its_state_to_another() -> None:
    labels = torch.arange(5)
    check_interpolator(Between, A, B, labels=labels, order="line")
    with pytest.raises(AssertionError, match="state: after its state is loaded it gives other codes"):
        check_interpolator(Between, A, B, options={"forgets": True}, labels=labels, order="line")

    class Stateless:
        """From `a` to `b`, `(batch, code)` (2020)."""

        def fit(self, codes: Tensor, labels: Tensor, order: Order) -> None: ...

        def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
            return straight(a, b, weight)

    with pytest.raises(AssertionError, match="interface: FittedInterpolator has a method state, and this has none"):
        check_interpolator(Stateless, A, B, labels=labels)
