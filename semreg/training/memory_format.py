"""Convolutional networks in the memory format in which convolutions are fastest: a pixel's channels side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from semreg.components.values import map_tensors
from semreg.core.errors import cause_of
from semreg.recipe.plan import Plan
from semreg.training.build import synthetic_batch
from semreg.training.program import Program, evaluating

DEVICES = ("cpu", "cuda")
"""Devices with full support in PyTorch; on a CPU a step takes 0.67 to 1.03 of the time, 0.9 for plain networks."""


def to_channels_last(plan: Plan, modules: Mapping[str, nn.Module], device: torch.device) -> list[str]:
    """Put the weights of networks with 2-D convolutions into `torch.channels_last`; return a warning for each failure.

    The weights' values and the memory format of the networks' outputs stay, so that nothing outside them changes. A
    network that fails in this format, as by `.view` of its maps, is left unchanged: each is tried on empty images.
    """
    if device.type not in DEVICES:
        return []
    remarks = []
    program = Program(plan, modules, key=("memory format",), training=False, device=device)
    batch = synthetic_batch(plan.fields, plan.value_range)
    execution = program.execution({name: values.to(device) for name, values in batch.items()})
    for name, module in modules.items():
        call = next(plan.calls_of(name), None)
        if call is None or not _convolves(module):
            continue
        hook = module.register_forward_hook(_contiguous)
        try:
            with evaluating(dict(modules)):
                inputs = [program.compute(value, execution) for value in call.inputs]
                module.to(memory_format=torch.channels_last)(*inputs)
        except Exception as error:
            hook.remove()
            module.to(memory_format=torch.contiguous_format)
            remarks.append(f"modules.{name} is trained with channels first, more slowly: {cause_of(error)}")
    return remarks


def to_channels_first(modules: Mapping[str, nn.Module]) -> None:
    """Put weights back into the usual memory format, for runs that are opened."""
    for module in modules.values():
        if _convolves(module):
            module.to(memory_format=torch.contiguous_format)
        for key in [key for key, hook in module._forward_hooks.items() if hook is _contiguous]:
            del module._forward_hooks[key]


def match_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Put an optimiser's state into the memory format of its parameters, after it was read from a checkpoint."""
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _convolves(module: nn.Module) -> bool:
    if any(parameter.ndim > 4 for parameter in module.parameters()):  # these have a different format
        return False
    return any(isinstance(part, nn.Conv2d | nn.ConvTranspose2d) for part in module.modules())


def _contiguous(module: nn.Module, inputs: Any, output: Any) -> Any:
    return map_tensors(Tensor.contiguous, output)
