"""The check that a loss keeps its digits at every precision of its inputs."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from semreg.components.functional import LOW_PRECISION
from semreg.components.values import tensors_of
from semreg.testing.checks import require
from semreg.testing.examples import ExampleCall, Inputs, row_count, taken, with_floats

ENOUGH = 10**6
"""Values in the largest input, enough for their sum to be infinite in float16."""
STEP = 8
SECONDS = 1.0
"""The most seconds of a call with a larger batch, whose time may be quadratic in it."""
TOLERANCE = 1e-4
"""Relative tolerance: many times the effect of another order of a float32 sum, and far below bfloat16's 4e-3."""
_CURE = "decorate it with semreg.components.functional.in_float32"


def check_precision(call: ExampleCall) -> None:
    """Check that float16 and bfloat16 inputs give the same as in float32, for a batch as large as time allows."""
    if not any(tensor.is_floating_point() for tensor in tensors_of(call.inputs)):
        return
    for inputs in (call.inputs, _enlarged(call)):
        for dtype in LOW_PRECISION:
            rounded = with_floats(inputs, lambda tensor, to=dtype: tensor.to(to))  # type: ignore[misc]
            _compare(call, rounded, with_floats(rounded, Tensor.float), f"in {dtype}")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = call()
    _require_close(found, call(), "under autocast")


def _compare(call: ExampleCall, rounded: Inputs, exact: Inputs, where: str) -> None:
    most = _largest(rounded)
    expected = call(exact)
    try:
        found = call(rounded)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:120]
        raise AssertionError(f"{where} it ends in {type(error).__name__} ({said}); {_CURE}") from error
    _require_close(found, expected, f"{where}, of {most} numbers,")


def _require_close(found: Any, expected: Any, where: str) -> None:
    for one, other in zip(tensors_of(found), tensors_of(expected), strict=True):
        require(one.dtype not in LOW_PRECISION, f"{where} the result is {one.dtype}, at least float32 fits; {_CURE}")
        close = torch.isclose(one.detach().double(), other.detach().double(), rtol=TOLERANCE, atol=TOLERANCE)
        require(
            bool(close.all()),
            f"{where} the result is {one.tolist()}, of the same numbers in float32 {other.tolist()}; {_CURE}",
        )


def _enlarged(call: ExampleCall) -> Inputs:
    """Repeat the batch of examples until an input holds ENOUGH values, or a call takes too long."""
    inputs, rows = call.inputs, row_count(call.inputs)
    count, enough = rows, -(-ENOUGH * rows // _largest(call.inputs))
    while count < enough:
        larger = min(STEP * count, enough)
        if min(_seconds(call, inputs) for _ in range(2)) * (larger / count) ** 2 > SECONDS:
            break
        count, inputs = larger, taken(call.inputs, [row % rows for row in range(larger)])
    return inputs


def _largest(inputs: Inputs) -> int:
    return max(tensor.numel() for tensor in tensors_of(inputs))


def _seconds(call: ExampleCall, inputs: Inputs) -> float:
    begun = time.perf_counter()
    call(inputs)
    return time.perf_counter() - begun
