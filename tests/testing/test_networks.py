"""The kit finds what is wrong with networks, interpolators, data sets, samplers and evaluations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from semreg.core import Result
from semreg.data.datasets.digits import Digits
from semreg.testing import (
    FakeRun,
    check_classifier,
    check_dataset,
    check_decoder,
    check_encoder,
    check_evaluation,
    check_interpolator,
    check_sampler,
)

IMAGES = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
A, B = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """Images `(batch, channels, height, width)` to codes `(batch, 2)` (2020)."""

    def __init__(self, *, input_shapes: list[tuple[int, ...]], fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.linear = nn.Linear(int(np.prod(input_shapes[0])), 2)
        if fault == "gradient":
            self.unused = nn.Parameter(torch.zeros(1))
        if fault == "state":
            self.scale = torch.rand(())

    def forward(self, images: Tensor) -> Tensor:
        codes: Tensor = self.linear(images.flatten(1))
        match self.fault:
            case "rows":
                codes = codes - codes.mean(0)
            case "dtype":
                codes = codes.float()
            case "device":
                codes = codes + torch.zeros(2, dtype=codes.dtype)
            case "determinism":
                codes = codes + torch.rand(())
            case "state":
                codes = codes * self.scale
            case "degenerate":
                codes = codes / images.flatten(1).std(1, keepdim=True)
            case "output":
                codes = codes.sum(0)
        return codes


def test_a_network_that_is_right_passes() -> None:
    check_encoder(Net, IMAGES)
    check_classifier(Net, IMAGES)
    with pytest.raises(AssertionError, match=r"4 rows give \(4, 2\); 4 axes and a row for each are expected"):
        check_decoder(Net, IMAGES)


@pytest.mark.parametrize(
    "fault", ["gradient", "rows", "dtype", "device", "determinism", "state", "degenerate", "output"]
)
def test_each_fault_of_a_network_is_found(fault: str) -> None:
    with pytest.raises(AssertionError) as raised:
        check_encoder(Net, IMAGES, options={"fault": fault})
    assert f"  {fault}: " in str(raised.value)


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


class Faulty(Digits):
    """Digits `(1, size, size)` with a fault (2020)."""

    made = 0

    def __init__(self, *, fault: str = "") -> None:
        super().__init__(size=8)
        self.fault = fault
        Faulty.made += 1

    def specification(self) -> Any:
        specification = super().specification()
        if self.fault == "specification":
            specification[f"field_{Faulty.made}"] = specification["digit"]
        return specification

    def source(self) -> Any:
        source = super().source()
        match self.fault:
            case "labels":
                source.labels["digit"] = np.random.permutation(source.labels["digit"])
            case "images":
                source.images.size = (9, 9)  # type: ignore[union-attr]
            case "identity":
                source.identity["made"] = Faulty.made
        return source


@pytest.mark.parametrize("fault", ["", "specification", "labels", "images", "identity"])
def test_each_fault_of_a_data_set_is_found(fault: str) -> None:
    if not fault:
        check_dataset(Faulty)
        return
    with pytest.raises(AssertionError) as raised:
        check_dataset(Faulty, options={"fault": fault})
    assert f"  {fault}: " in str(raised.value)


def drawn(*, count: int, batch_size: int, beyond: int = 0, generator: torch.Generator | None = None) -> Tensor:
    """int64 `(count // batch_size, batch_size)`."""
    batches = torch.randperm(count, generator=generator)[: count // batch_size * batch_size].view(-1, batch_size)
    return batches + beyond


def test_a_sampler_stays_inside() -> None:
    check_sampler(drawn, batch_size=3)
    with pytest.raises(AssertionError, match="batches: some indices are outside 0 to 19"):
        check_sampler(drawn, batch_size=3, options={"beyond": 1})


def measured(z: Any, *, fault: str = "") -> Result:
    """The mean of codes `(batch, code)` (2020)."""
    mean = z.read("test").mean()
    match fault:
        case "result":
            return Result(figures={"mean": mean})
        case "determinism":
            return Result(figures={"mean": float(mean + torch.rand(()))})
        case "stored":
            return Result(figures={"mean": float(mean)}, summary="\ud800")
    return Result(figures={"mean": float(mean)}, paper={"mean": 0.0})


def test_each_fault_of_an_evaluation_is_found() -> None:
    run = FakeRun(tensors={"z": {"test": A}}, functions={}, fields={})
    check_evaluation(measured, run.tensor("z"))
    for fault in ("result", "determinism", "stored"):
        with pytest.raises(AssertionError) as raised:
            check_evaluation(measured, run.tensor("z"), options={"fault": fault})
        assert f"  {fault}: " in str(raised.value)
