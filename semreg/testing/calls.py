"""Checks of losses and operations: functions that recipes call on tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from semreg.components.values import tensors_of
from semreg.core import Loss, Operation
from semreg.testing.behaviour import (
    check_degenerate,
    check_determinism,
    check_device,
    check_inputs_kept,
    check_labels,
    check_refusals,
    check_waits,
    degenerate,
    require_finite,
)
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_description
from semreg.testing.examples import ExampleCall, Inputs, in_dtype, modules_of, taken, with_floats, with_gradients
from semreg.testing.interfaces import require_interface
from semreg.testing.precision import check_precision

_DECLARE = "an attribute `couples_rows = True` says so, for runs of several processes"


def check_loss(
    loss: Callable[..., Any], *inputs: Any, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check a loss: a finite scalar with a correct gradient, for every batch.

    Checks: "signature", "interface" (`semreg.core.Loss`), "documentation", "shapes", "source", "refusals" (shapes that
    do not fit raise ValueError, and the docstring states this), "value" (a finite scalar), "gradient" (equal to finite
    differences in float64), "dtype" (float32 and float64 are kept), "device", "order" (of the rows is irrelevant; a
    random loss is exempt), "degenerate" (an empty batch, one row, equal rows, one class: finite, and connected by a
    finite gradient; all zeros: that or a ValueError), "waits" (no step waits for a GPU), "determinism" (under a
    generator; PyTorch's global one is not used), "inputs kept", "precision" (float16 and bfloat16 inputs of up to a
    million values give the same as in float32, in float32; autocast changes nothing), "labels" (a ValueError for
    classes as floats, bools or NaN, for those below 0, and for those beyond the last one, if it is known) and "halves"
    (a batch's loss is the mean of its halves' losses, unless the loss has `couples_rows = True`; a random loss is
    exempt).

    Args:
        loss: the function, or a class that is instantiated with the options and then called.
        inputs: examples as a recipe passes them: tensors `(batch, ...)` of one batch, posteriors, modules.
        options: the options of the recipe.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    call = ExampleCall(loss, inputs, options or {})
    checks = Checks(call.name, exempt)
    run_checks_of_loss(checks, call, Loss)
    checks.end()


def run_checks_of_loss(checks: Checks, call: ExampleCall, kind: type) -> None:
    """Run the checks of `check_loss`, for a loss of a `kind` of core.interfaces."""
    inputs = call.inputs
    check_description(checks, call.component, len(inputs), call.options)
    checks.run("interface", require_interface, call.made(), kind)
    checks.run("refusals", check_refusals, call)
    checks.run("value", _check_connected_scalar, call, inputs)
    checks.run("gradient", _check_gradient, call)
    checks.run("dtype", _check_dtype, call, (torch.float32, torch.float64))
    checks.run("device", check_device, call, inputs)
    checks.run("order", _check_loss_order, call)
    checks.run(
        "degenerate", check_degenerate, degenerate(inputs), lambda given: _check_connected_scalar(call, given), "zeros"
    )
    checks.run("waits", check_waits, call.once_made(), inputs)
    checks.run("determinism", check_determinism, lambda seed: call(seed=seed), call.random)
    checks.run("inputs kept", check_inputs_kept, call, inputs)
    checks.run("precision", check_precision, call)
    checks.run("labels", check_labels, call)
    checks.run("halves", _check_loss_of_halves, call)


def check_operation(
    operation: Callable[..., Any], *inputs: Any, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check an operation: finite tensors, row by row, with a correct gradient unless it cuts gradients.

    Checks: "signature", "interface" (`semreg.core.Operation`), "documentation", "shapes", "source", "refusals"
    (PyTorch's own errors suffice), "value" (finite), "gradient" (unless the operation has `cuts_gradient`, or no
    floating-point input), "dtype" (float32, float64 and bfloat16 are kept), "device", "order" (results follow the order
    of the rows; a random operation is exempt), "degenerate", "waits", "determinism", "inputs kept", "evaluation" (the
    form for evaluations, if there is one, takes the same inputs) and "halves" (rows give the same in half a batch as in
    the whole, unless the operation has `couples_rows = True`; a random operation is exempt).

    Arguments and errors are those of `check_loss`.
    """
    call = ExampleCall(operation, inputs, options or {})
    checks = Checks(call.name, exempt)
    check_description(checks, operation, len(inputs), call.options)
    checks.run("interface", require_interface, call.made(), Operation)
    checks.run("refusals", check_refusals, call, True)
    checks.run("value", lambda: require_finite(call()))
    if not getattr(operation, "cuts_gradient", False) and any(t.is_floating_point() for t in tensors_of(inputs)):
        checks.run("gradient", _check_gradient, call)
    checks.run("dtype", _check_dtype, call, (torch.float32, torch.float64, torch.bfloat16))
    checks.run("device", check_device, call, inputs)
    checks.run("order", _check_operation_order, call)
    checks.run("degenerate", check_degenerate, degenerate(inputs), lambda given: require_finite(call(given)), "zeros")
    checks.run("waits", check_waits, call.once_made(), inputs)
    checks.run("determinism", check_determinism, lambda seed: call(seed=seed), call.random)
    checks.run("inputs kept", check_inputs_kept, call, inputs)
    checks.run("evaluation", lambda: require_finite(getattr(operation, "in_evaluation", lambda *_: None)(*inputs)))
    checks.run("halves", _check_operation_on_halves, call)
    checks.end()


def _check_connected_scalar(call: ExampleCall, inputs: Inputs) -> None:
    fresh, leaves = with_gradients(inputs)
    value = call(fresh)
    require(isinstance(value, Tensor) and value.ndim == 0, f"it gives {_described(value)}, and not a scalar")
    require_finite(value)
    require(value.requires_grad, "no gradient flows: the value is not connected to its inputs")
    parameters = [parameter for module in modules_of(inputs) for parameter in module.parameters()]
    slopes = torch.autograd.grad(value, [*leaves, *parameters], allow_unused=True)
    arrived = tuple(slope for slope in slopes if slope is not None)
    require(bool(arrived), "no gradient flows: neither an input nor a module gets one")
    require_finite(arrived, "the gradient")


def _check_gradient(call: ExampleCall) -> None:
    inputs, leaves = with_gradients(in_dtype(call.inputs, torch.float64))

    def value(*replaced: Tensor) -> Any:
        new = iter(replaced)
        results = tensors_of(call(with_floats(inputs, lambda _: next(new))))
        return tuple(result for result in results if result.is_floating_point() and result.requires_grad)

    results = value(*leaves)
    if not results or all(t is None for t in torch.autograd.grad(results[0].sum(), leaves, allow_unused=True)):
        require(bool(modules_of(call.inputs)), "no gradient flows to any input")
        return  # it only trains a module, which "value" checks
    torch.autograd.gradcheck(value, leaves, fast_mode=True)


def _check_dtype(call: ExampleCall, dtypes: tuple[torch.dtype, ...]) -> None:
    if not any(tensor.is_floating_point() for tensor in tensors_of(call.inputs)):
        return
    for dtype in dtypes:
        result = call(in_dtype(call.inputs, dtype))
        found = {tensor.dtype for tensor in tensors_of(result) if tensor.is_floating_point()}
        require(found <= {dtype}, f"{dtype} becomes {', '.join(map(str, sorted(found, key=str)))}")
        require_finite(result, f"in {dtype} the result")


def _check_loss_order(call: ExampleCall) -> None:
    if call.random:
        return
    inputs = in_dtype(call.inputs, torch.float64)
    torch.testing.assert_close(call(taken(inputs, _order(call.rows))), call(inputs))


def _check_operation_order(call: ExampleCall) -> None:
    if call.random:
        return
    order, inputs = _order(call.rows), in_dtype(call.inputs, torch.float64)
    expected = [result[order] for result in tensors_of(call(inputs))]
    torch.testing.assert_close(tensors_of(call(taken(inputs, order))), expected)


def _check_loss_of_halves(call: ExampleCall) -> None:
    if call.random or _couples_rows(call):
        return
    whole, *halves = (call(given).detach() for given in _halves(call))
    mean = torch.stack(halves).mean(0)
    found = f"it is not a mean over rows: {float(whole):g}, and that of two halves {float(mean):g}"
    require(_close(whole, mean), f"{found}; {_DECLARE}")


def _check_operation_on_halves(call: ExampleCall) -> None:
    if call.random or _couples_rows(call):
        return
    whole, *halves = (tensors_of(call(given)) for given in _halves(call))
    for expected, *parts in zip(whole, *halves, strict=True):
        require(_close(expected, torch.cat(parts)), f"rows of the result depend on other rows of the batch; {_DECLARE}")


def _couples_rows(call: ExampleCall) -> bool:
    return bool(getattr(call.component, "couples_rows", False))


def _halves(call: ExampleCall) -> list[Inputs]:
    """Return an even number of the example's rows in float64, and both halves of them; modules in eval mode."""
    inputs, half = in_dtype(call.inputs, torch.float64), max(call.rows // 2, 1)
    for module in modules_of(inputs):
        module.eval()  # batch norm in a critic is no matter of the loss
    ranges = (range(2 * half), range(half), range(half, 2 * half)) if call.rows > 1 else (range(1),) * 3
    return [taken(inputs, [*rows]) for rows in ranges]


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def _order(rows: int) -> list[int]:
    """Return a new order of the rows: odd indices first."""
    return [*range(1, rows, 2), *range(0, rows, 2)]


def _described(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
