"""Checks that several kinds share: randomness, devices, unchanged inputs, and unusual batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from semreg.components.values import tensors_of
from semreg.core import UserError
from semreg.core.shapes import as_on_a_device
from semreg.testing.checks import require
from semreg.testing.documented import says_raises
from semreg.testing.examples import (
    ExampleCall,
    Inputs,
    mapped,
    modules_of,
    on_device,
    row_count,
    taken,
    with_floats,
    with_integers,
)
from semreg.training.waits import counted_waits

_MISMATCH = ("is not on the expected device", "on the same device", "two devices")
"""PyTorch's message when tensors of two devices meet. Without a GPU the second device is meta, which holds no values:
any other failure there only means that a component reads values."""


_REFUSE = "semreg.core.require_classes refuses it in the words of all losses"

_ON_A_GPU = "where semreg.core.at_hand is false, as on a GPU, the result differs: "


def other_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "meta")


def check_device(call: Callable[[Inputs], Any], inputs: Inputs) -> None:
    """Check that a call with all inputs on a different device leaves nothing on the CPU."""
    device = other_device()
    try:
        result = call(on_device(inputs, device))
    except (RuntimeError, NotImplementedError) as error:
        if device.type == "meta" and not any(words in str(error) for words in _MISMATCH):
            return
        raise
    wrong = {str(tensor.device) for tensor in tensors_of(result) if tensor.device.type != device.type}
    require(not wrong, f"inputs are on {device}, the result is on {', '.join(sorted(wrong))}")


def check_waits(call: Callable[[Inputs], Any], inputs: Inputs) -> None:
    """Check that forward and backward passes never wait for a GPU, and that without modules the result is as on the
    CPU.

    Anything created once, at the first call, does not count.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = call(_fresh(inputs))
        with as_on_a_device():
            call(_fresh(inputs))
        torch.manual_seed(0)
        given = _fresh(inputs)
        with counted_waits() as found:
            result = call(given)
            torch.autograd.backward([t.sum() for t in tensors_of(result) if t.requires_grad and t.is_floating_point()])
    waits = "\n".join(f"{count} × {wait}" for wait, count in found.most_common())
    require(not found, f"in each step a GPU would be waited for, by\n{waits}")
    if not modules_of(inputs):
        torch.testing.assert_close(tensors_of(result), tensors_of(expected), msg=lambda said: _ON_A_GPU + said)


def _fresh(inputs: Inputs) -> Inputs:
    """Return copies whose floating-point tensors require gradients."""
    return mapped(inputs, lambda t: t.detach().clone().requires_grad_(t.is_floating_point()), deepcopy)


def check_determinism(call: Callable[[int], Any], random: bool) -> None:
    """Check that equal generator states give equal results, and a call without a generator always the same one.

    PyTorch's global generator must stay unused.
    """
    before = torch.get_rng_state()
    first, again = call(0), call(0)
    untouched = torch.equal(before, torch.get_rng_state())
    cure = "draw from `generator`" if random else "take a parameter `generator: torch.Generator | None = None`"
    require(untouched, f"it draws from PyTorch's global generator; {cure}")
    require(same(first, again), "the same inputs and generator gave two results")
    if random:
        require(any(not same(first, call(seed)) for seed in range(1, 6)), "six seeds gave one and the same result")


def same(a: Any, b: Any) -> bool:
    """Return whether two results are equal bit for bit; NaN equals NaN."""
    pairs = list(zip(tensors_of(a), tensors_of(b), strict=True))
    return all(x.dtype == y.dtype and torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in pairs)


def check_inputs_kept(call: Callable[[Inputs], Any], inputs: Inputs) -> None:
    """Check that a call leaves its inputs, and the state of modules among them, unchanged."""
    copies = [tensor.clone() for tensor in tensors_of(inputs)]
    states = [{key: value.clone() for key, value in module.state_dict().items()} for module in modules_of(inputs)]
    call(inputs)
    for number, (tensor, copy) in enumerate(zip(tensors_of(inputs), copies, strict=True)):
        require(torch.equal(tensor, copy), f"tensor {number} of the inputs was changed in place")
    for module, state in zip(modules_of(inputs), states, strict=True):
        changed = [key for key, value in module.state_dict().items() if not torch.equal(value, state[key])]
        require(not changed, f"{type(module).__name__} among the inputs was changed: {', '.join(changed)}")


def degenerate(inputs: Inputs) -> dict[str, Inputs]:
    """Return unusual batches that training meets sooner or later. A ValueError is allowed for "zeros"."""
    rows = row_count(inputs)
    return {
        "empty batch": taken(inputs, []),
        "one row": taken(inputs, [0]),
        "equal rows": with_floats(inputs, lambda t: t[:1].expand_as(t).clone() if t.ndim and len(t) == rows else t),
        "one class": with_integers(inputs, lambda t: t[:1].expand_as(t).clone() if t.ndim and len(t) == rows else t),
        "zeros": with_floats(inputs, torch.zeros_like),
    }


def check_degenerate(batches: Mapping[str, Inputs], check: Callable[[Inputs], None], may_refuse: str) -> None:
    """Check that each batch passes `check`; for the one called `may_refuse` a ValueError is allowed, too."""
    for name, inputs in batches.items():
        try:
            check(inputs)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        except Exception as error:
            if not (name == may_refuse and isinstance(error, ValueError)):
                raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def check_refusals(call: ExampleCall, torch_may: bool = False) -> None:
    """Check that the call either computes ill-fitting shapes or raises a ValueError that its docstring announces.

    `torch_may` also allows PyTorch's errors, which a run shows with the expression and the shapes.
    """
    for position, value in enumerate(call.inputs):
        if not isinstance(value, Tensor):
            continue
        axis = ("an axis more", value[:, None]) if value.ndim == 1 else ("an axis less", value[..., 0])
        for what, wrong in (axis, ("a row less", value[:-1])):
            inputs = (*call.inputs[:position], wrong, *call.inputs[position + 1 :])
            told = f"input {position} with {what}, {tuple(wrong.shape)}"
            try:
                call(inputs)
            except (ValueError, UserError):
                require(says_raises(call.component), f"{told} raises ValueError, and the docstring doesn't say so")
            except Exception as error:
                if torch_may and isinstance(error, RuntimeError | IndexError):
                    continue
                raise AssertionError(
                    f"{told} ends in {type(error).__name__} ({' '.join(str(error).split())[:120]}); raise a ValueError "
                    "that names the call and the shapes"
                ) from error


def check_labels(call: ExampleCall) -> None:
    """Check that classes `(batch,)` must be integers from 0 on, and below the number of classes, if that is known."""
    for position, value in enumerate(call.inputs):
        if not isinstance(value, Tensor) or value.dtype.is_floating_point or value.shape != (call.rows,):
            continue
        nan, below = torch.full(value.shape, math.nan), torch.full_like(value, -1)
        wrong = {"as float32": value.float(), "as bool": value.bool(), "of NaN": nan, "with -1": below}
        for what, labels in [*wrong.items(), ("far beyond the classes", value + 10**6)]:
            told = f"input {position} {what}"
            inputs = (*call.inputs[:position], labels, *call.inputs[position + 1 :])
            try:
                result = call(inputs)
            except ValueError:
                continue
            except Exception as error:
                raise AssertionError(f"{told} ends in {type(error).__name__}; {_REFUSE}") from error
            require(what not in wrong, f"{told} is taken for classes; {_REFUSE}")
            require_finite(result, f"with {told} the result")


def require_finite(value: Any, what: str = "the result") -> None:
    """Raise AssertionError if a floating-point tensor holds NaN or an infinity."""
    for tensor in tensors_of(value):
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise AssertionError(f"{what} holds {_first_unfit(tensor)}")


def _first_unfit(tensor: Tensor) -> str:
    value = float(tensor.detach()[~tensor.isfinite()][0])
    return "NaN" if math.isnan(value) else f"{value}"
