"""Criteria: losses with their own parameters or state, as recipes build and call them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from semreg.components.values import tensors_of
from semreg.core import Criterion
from semreg.testing.behaviour import require_finite, same
from semreg.testing.calls import run_checks_of_loss
from semreg.testing.checks import Checks, require
from semreg.testing.examples import ExampleCall, Inputs, in_dtype
from semreg.testing.networks import check_state, seeded


def check_criterion(
    criterion: Callable[..., Any], *inputs: Any, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check a criterion: an nn.Module that is a loss, and trains its own parameters.

    Checks: those of `check_loss`, each on a criterion that is rebuilt from one seed, and also "parameters" (it has
    some, or buffers; each receives a gradient equal to finite differences), "state" (saved and restored, it gives the
    same loss), "evaluation" (in eval mode a call changes no state) and "seed" (equal seeds build equal criteria).

    Args:
        criterion: the class; its constructor receives `input_shapes` if it has that parameter.
        inputs: examples as a recipe passes them: tensors `(batch, ...)` of one batch.
        options: the options of the recipe.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    call = _CriterionCall(criterion, inputs, options or {})
    checks = Checks(call.name, exempt)
    run_checks_of_loss(checks, call, Criterion)
    checks.run("parameters", _check_parameters, call)
    checks.run("state", check_state, call.build, lambda module: module.eval()(*inputs))
    checks.run("evaluation", _check_evaluation, call)
    checks.run("seed", _check_seed, call)
    checks.end()


@dataclass(frozen=True)
class _CriterionCall(ExampleCall):
    """Calls of a criterion, each built for the call, on the inputs' device and, for float64, in their precision."""

    def build(self) -> nn.Module:
        """Build a criterion from the current state of PyTorch's global generator."""
        shapes = [tuple(value.shape[1:]) for value in self.inputs]
        filled = {"input_shapes": shapes} if "input_shapes" in self.signature.parameters else {}
        module: nn.Module = self.component(**self.options, **filled)
        return module

    def made(self) -> nn.Module:
        return seeded(self.build)

    def __call__(self, inputs: Inputs | None = None, seed: int = 0) -> Any:
        given = self.inputs if inputs is None else inputs
        return self._fitting(given)(*given)

    def _fitting(self, inputs: Inputs) -> nn.Module:
        tensors = tensors_of(inputs)
        double = any(tensor.dtype == torch.float64 for tensor in tensors)
        return self.made().to(tensors[0].device, torch.float64 if double else torch.float32)


def _check_parameters(call: _CriterionCall) -> None:
    inputs, made = in_dtype(call.inputs, torch.float64), call.made().double()
    named, buffers = dict(made.named_parameters()), dict(made.named_buffers())
    require(bool(named or buffers), "it has no parameter and no buffer; a loss without them is a function, kind loss")
    if not named:
        return

    def value(*parameters: Tensor) -> Tensor:
        fresh = {name: buffer.clone() for name, buffer in buffers.items()}
        result: Tensor = functional_call(made, dict(zip(named, parameters, strict=True)) | fresh, inputs)
        return result

    slopes = torch.autograd.grad(value(*named.values()), list(named.values()), allow_unused=True)
    for name, slope in zip(named, slopes, strict=True):
        require(slope is not None, f"no gradient arrives at parameter {name}")
        require_finite(slope, f"the gradient to parameter {name}")
    torch.autograd.gradcheck(value, tuple(named.values()), fast_mode=True)


def _check_evaluation(call: _CriterionCall) -> None:
    made = call.made().eval()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    made(*call.inputs)
    changed = [name for name, value in made.state_dict().items() if not same(value, before[name])]
    require(not changed, f"in eval mode a call changes {', '.join(changed)}")


def _check_seed(call: _CriterionCall) -> None:
    first, again = (call.made().state_dict() for _ in range(2))
    require(all(same(first[key], again[key]) for key in first), "one seed of PyTorch's built two criteria")
