"""Networks of convolutions in the memory format in which convolutions are fastest: a pixel's channels side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from semreg.components.values import map_tensors
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory
from semreg.recipe.plan import Plan
from semreg.training.build import synthetic_batch
from semreg.training.program import Execution, Program, evaluating

DEVICES = ("cpu", "cuda")
"""Those on which it was found to be faster: a tenth to a third of a step on a CPU, and nothing for vectors."""


def to_channels_last(plan: Plan, modules: Mapping[str, nn.Module], device: torch.device) -> list[str]:
    """Put the weights of networks with 2-D convolutions into `torch.channels_last`; a remark for each that can't be.

    Their values stay, and what the networks give lies in memory as before, so that nothing outside them sees it. One
    that fails so, as by `.view` of its maps, is left as it was: each is tried on images that hold nothing.
    """
    if device.type not in DEVICES:
        return []
    remarks = []
    for name, inputs in _inputs(plan, modules, device).items():
        module = modules[name].to(memory_format=torch.channels_last)
        hook = module.register_forward_hook(_contiguous)
        try:
            with evaluating(dict(modules)):
                module(*map_tensors(_channels_last, inputs))
        except Exception as error:
            hook.remove()
            module.to(memory_format=torch.contiguous_format)
            if out_of_memory(error):
                raise
            remarks.append(f"modules.{name} is trained with channels first, more slowly: {cause_of(error)}")
    return remarks


def to_channels_first(modules: Mapping[str, nn.Module]) -> None:
    """Put weights back into the usual memory format, in which runs are opened."""
    for module in modules.values():
        if _convolves(module):
            module.to(memory_format=torch.contiguous_format)


def match_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Put what an optimiser keeps of its parameters into their memory format, after it was read from a checkpoint."""
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _convolves(module: nn.Module) -> bool:
    layers = any(isinstance(part, nn.Conv2d | nn.ConvTranspose2d) for part in module.modules())
    return layers and all(
        parameter.ndim < 5 for parameter in module.parameters()
    )  # what is 3-D has a format of its own


def _inputs(plan: Plan, modules: Mapping[str, nn.Module], device: torch.device) -> dict[str, tuple[Any, ...]]:
    """The inputs of the first call of each network with convolutions, on a batch that holds nothing."""
    program = Program(plan, modules, key=("memory format",), training=False, device=device)
    fields = {name: values.to(device) for name, values in synthetic_batch(plan.fields, plan.value_range).items()}
    execution, inputs = Execution(fields), {}
    with evaluating(dict(modules)):
        for name, module in modules.items():
            call = next(plan.calls_of(name), None)
            if call is not None and _convolves(module):
                inputs[name] = tuple(program.compute(value, execution) for value in call.inputs)
    return inputs


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _contiguous(module: nn.Module, inputs: Any, output: Any) -> Any:
    return map_tensors(Tensor.contiguous, output)
