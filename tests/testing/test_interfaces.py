"""Components are held to the Protocols of their kinds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semreg.components.priors import StandardNormal
from semreg.core import (
    ClosedFormPrior,
    Comparison,
    Encoder,
    FittedInterpolator,
    Interpolator,
    Loss,
    Prior,
    Sampler,
    Schedule,
)
from semreg.testing.interfaces import require_interface


class WithoutLabels:
    def log_probability(self, codes: Any) -> Any: ...

    def sample(self, count: int, *, generator: Any = None) -> Any: ...


class WithoutGenerator:
    def log_probability(self, codes: Any, *labels: Any) -> Any: ...

    def sample(self, count: int, *labels: Any) -> Any: ...


class Fitting:
    def __call__(self, a: Any, b: Any, weight: Any) -> Any: ...

    def fit(self, codes: Any, labels: Any) -> None: ...


@pytest.mark.parametrize(
    ("value", "protocol", "told"),
    [
        (WithoutLabels(), Prior, "log_probability can't be called as Prior.log_probability(codes, labels) is"),
        (WithoutGenerator(), Prior, "sample can't be called as Prior.sample(count, labels, generator) is"),
        (object(), Prior, "Prior has a method log_probability, and this has none"),
        (Fitting(), FittedInterpolator, "fit can't be called as FittedInterpolator.fit(codes, labels, order) is"),
        (lambda a, b: a, Interpolator, "__call__ can't be called as Interpolator.__call__(a, b, weight) is"),
        (lambda *labels, count: labels, Sampler, "unexpected keyword argument 'batch_size'"),
        (lambda epoch: 1.0, Schedule, "too many positional arguments"),
        (3, Loss, "Loss has a method __call__, and this has none"),
    ],
)
def test_what_does_not_fit_is_told(value: Any, protocol: type, told: str) -> None:
    with pytest.raises(AssertionError) as refused:
        require_interface(value, protocol)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("value", "protocol"),
    [
        (StandardNormal(size=2), ClosedFormPrior),
        (torch.nn.Linear(2, 3), Encoder),
        (lambda codes, labels, *, margin: codes, Loss),
        (lambda *, count, batch_size, generator: count, Sampler),
        (lambda *codes, names, split="test": codes, Comparison),
        (lambda a, b, weight=0.5: a, Interpolator),
    ],
)
def test_what_fits_passes(value: Any, protocol: type) -> None:

    require_interface(value, protocol)
