"""Checks of interpolators: paths from one code to another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from semreg.core import FittedInterpolator, Interpolator, Order
from semreg.testing.behaviour import (
    check_degenerate,
    check_determinism,
    check_device,
    check_inputs_kept,
    degenerate,
    require_finite,
)
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_description
from semreg.testing.examples import Inputs, in_dtype
from semreg.testing.interfaces import require_interface

WEIGHTS = (0.0, 0.25, 0.7, 1.0)
NAMES = ("a", "b", "weight")


def check_interpolator(
    interpolator: Callable[..., Any],
    a: Tensor,
    b: Tensor,
    *,
    options: Mapping[str, Any] | None = None,
    labels: Tensor | None = None,
    order: Order = "ring",
    exempt: Collection[str] = (),
) -> None:
    """Check an interpolator: it starts at `a`, ends at `b`, and treats each row by itself.

    Checks: "signature" (the inputs are a, b and weight), "interface" (`semreg.core.Interpolator`), "documentation",
    "shapes", "source", "endpoints" (`a` at 0 and `b` at 1, to rounding), "weights" (a number, `(batch, 1)` and `(steps,
    1, 1)` mean the same), "rows" (each is interpolated by itself, in any order), "gradient" (finite, to both codes),
    "dtype" (float32 and float64 are kept), "device", "degenerate" (an empty batch, one row, equal rows, from a code to
    itself), "determinism", "inputs kept".

    A fitted interpolator has one more check, "state": its state, loaded into a new instance, gives the same codes.

    Args:
        interpolator: the function, or a class that is instantiated with the options, and fitted if it has a method
            `fit`.
        a, b: codes `(batch, code)` that the path can reach exactly: of unit length, if the interpolator returns such
        codes.
        options: the options of the recipe.
        labels: the classes of `a`, int64 `(batch,)`, for an interpolator that is fitted on codes and labels.
        order: states which of these classes are neighbours.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    made = _made(interpolator, options or {}, a, labels, order)
    checks = Checks(getattr(interpolator, "__name__", type(interpolator).__name__), exempt)
    check_description(checks, interpolator, len(NAMES), options or {})
    kind = FittedInterpolator if hasattr(made, "fit") else Interpolator
    checks.run("interface", require_interface, made, kind)
    checks.run("endpoints", _check_endpoints, made, a, b)
    checks.run("weights", _check_weights, made, a, b)
    checks.run("rows", _check_rows, made, a, b)
    checks.run("gradient", _check_gradient, made, a, b)
    checks.run("dtype", _check_dtype, made, a, b)
    checks.run("device", check_device, lambda given: made(*given, 0.3), (a, b))
    batches = degenerate((a, b))
    batches = {name: batches[name] for name in ("empty batch", "one row", "equal rows", "zeros")} | {"itself": (a, a)}
    checks.run("degenerate", check_degenerate, batches, lambda given: _check_path(made, given), "zeros")
    checks.run("determinism", check_determinism, lambda _: made(a, b, 0.3), False)
    checks.run("inputs kept", check_inputs_kept, lambda given: made(*given, 0.3), (a, b))
    if kind is FittedInterpolator:
        checks.run("state", _check_state, made, interpolator(**(options or {})), a, b)
    checks.end()


def _made(interpolator: Any, options: Mapping[str, Any], a: Tensor, labels: Tensor | None, order: Order) -> Any:
    made: Any = interpolator(**options) if inspect.isclass(interpolator) else interpolator
    if hasattr(made, "fit"):
        if labels is None:
            raise ValueError("this interpolator is fitted: give the classes of `a` as labels")
        made.fit(a, labels, order)
    return made if made is not interpolator else lambda a, b, weight: interpolator(a, b, weight, **options)


def _check_endpoints(made: Any, a: Tensor, b: Tensor) -> None:
    for weight, end, name in ((0.0, a, "a"), (1.0, b, "b")):
        torch.testing.assert_close(made(a, b, weight), end, msg=lambda text: f"at {weight} it is not {name}: {text}")  # noqa: B023


def _check_weights(made: Any, a: Tensor, b: Tensor) -> None:
    expected = torch.stack([made(a, b, weight) for weight in WEIGHTS])
    steps = torch.tensor(WEIGHTS, dtype=a.dtype)[:, None, None]
    torch.testing.assert_close(made(a, b, steps), expected)
    for weight, codes in zip(WEIGHTS, expected, strict=True):
        torch.testing.assert_close(made(a, b, torch.full((len(a), 1), weight, dtype=a.dtype)), codes)


def _check_rows(made: Any, a: Tensor, b: Tensor) -> None:
    together = made(a, b, 0.3)
    require(together.shape == a.shape, f"from {tuple(a.shape)} to {tuple(b.shape)} there is {tuple(together.shape)}")
    for row in range(len(a)):
        torch.testing.assert_close(made(a[row : row + 1], b[row : row + 1], 0.3), together[row : row + 1])


def _check_gradient(made: Any, a: Tensor, b: Tensor) -> None:
    ends = [end.detach().clone().requires_grad_() for end in (a, b)]
    code = made(*ends, 0.3)
    require(code.requires_grad, "no gradient flows to the codes")
    slopes = torch.autograd.grad(code.square().sum() + code.sum(), ends, allow_unused=True)
    require(all(slope is not None for slope in slopes), "no gradient flows to one of the codes")
    require_finite(tuple(slopes), "the gradient")


def _check_dtype(made: Any, a: Tensor, b: Tensor) -> None:
    for dtype in (torch.float32, torch.float64):
        found = made(*in_dtype((a, b), dtype), 0.3).dtype
        require(found == dtype, f"{dtype} becomes {found}")


def _check_state(made: Any, fresh: Any, a: Tensor, b: Tensor) -> None:
    kept = {name: tensor.clone() for name, tensor in made.state().items()}
    fresh.load_state(kept)
    torch.testing.assert_close(fresh(a, b, 0.3), made(a, b, 0.3), msg="after its state is loaded it gives other codes")


def _check_path(made: Any, ends: Inputs) -> None:
    for weight in WEIGHTS:
        codes = made(*ends, weight)
        require(codes.shape == ends[0].shape, f"{tuple(ends[0].shape)} becomes {tuple(codes.shape)}")
        require_finite(codes)
