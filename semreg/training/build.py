"""Modules from a plan: made once the shapes of their inputs are known, each initialised from a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from semreg.data.specification import AttributesField, ClassField, ImageField, Specification, VectorField
from semreg.errors import Problem, UserError
from semreg.randomness import seed_of
from semreg.recipe.plan import Plan
from semreg.training.program import Execution, Program, evaluating, tensors_of

SYNTHETIC_ROWS = 4


def synthetic_batch(
    fields: Specification, value_range: tuple[float, float], rows: int = SYNTHETIC_ROWS
) -> dict[str, Any]:
    """A batch of the right shapes and types that holds nothing, for building and checking without data."""
    generator = torch.Generator().manual_seed(0)
    batch: dict[str, Any] = {}
    low, high = value_range
    for name, field in fields.items():
        if isinstance(field, ImageField):
            shape = (rows, field.channels, field.height, field.width)
            batch[name] = torch.rand(shape, generator=generator) * (high - low) + low
        elif isinstance(field, ClassField):
            batch[name] = torch.arange(rows) % len(field.names)
        elif isinstance(field, AttributesField):
            batch[name] = torch.randint(0, 2, (rows, len(field.names)), generator=generator).float()
        elif isinstance(field, VectorField):
            batch[name] = torch.randn(rows, field.size, generator=generator)
    return batch


def build_modules(plan: Plan, *, seed: int) -> dict[str, nn.Module]:
    """All modules of a plan, on the CPU. Adding or leaving out one never changes another's initial weights.

    Raises UserError where a constructor refuses its options or a call on the data's shapes fails.
    """
    modules: dict[str, nn.Module] = {}
    program = Program(plan, modules, key=(seed, "build"), training=False)
    execution = Execution(synthetic_batch(plan.fields, (plan.data.range[0], plan.data.range[1])))
    for name in plan.modules:
        _ensure(name, (), plan, modules, program, execution, seed)
    return {name: modules[name] for name in plan.modules}


def _ensure(
    name: str,
    pending: tuple[str, ...],
    plan: Plan,
    modules: dict[str, nn.Module],
    program: Program,
    execution: Execution,
    seed: int,
) -> None:
    if name in modules:
        return
    part = plan.modules[name].part
    filled: dict[str, Any] = {}
    if "input_shapes" in part.signature.parameters:
        filled["input_shapes"] = _input_shapes(name, pending, plan, modules, program, execution, seed)
    torch.manual_seed(seed_of(seed, "module", name) % 2**63)
    try:
        module = part.value(**part.options, **filled)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(str(plan.recipe.path), [Problem(f"modules.{name}", str(error))]) from error
    if not isinstance(module, nn.Module):
        found = type(module).__name__
        raise UserError(
            str(plan.recipe.path),
            [Problem(f"modules.{name}", f"{part.component.name} made a {found}, not an nn.Module")],
        )
    modules[name] = module


def _input_shapes(
    name: str,
    pending: tuple[str, ...],
    plan: Plan,
    modules: dict[str, nn.Module],
    program: Program,
    execution: Execution,
    seed: int,
) -> list[tuple[int, ...]]:
    """The shapes, without batch axis, of the inputs of the module's first call that does not wait for itself."""
    for call in plan.calls_of(name):
        read = {other for expression in call.inputs for other in plan.reads(expression) if other in plan.modules}
        if read & {name, *pending}:
            continue
        for other in sorted(read, key=list(plan.modules).index):
            _ensure(other, (*pending, name), plan, modules, program, execution, seed)
        with evaluating(modules):
            values = [program.expression(expression, execution) for expression in call.inputs]
        return [tuple(tensor.shape[1:]) for value in values for tensor in tensors_of(value)]
    message = "its input shapes are unknown: no tensor or loss calls it on something that does not need it first"
    raise UserError(str(plan.recipe.path), [Problem(f"modules.{name}", message)])


def count_parameters(modules: Mapping[str, nn.Module]) -> dict[str, int]:
    """How many numbers each module learns."""
    return {name: sum(parameter.numel() for parameter in module.parameters()) for name, module in modules.items()}


def untrained(plan: Plan, modules: Mapping[str, nn.Module]) -> list[str]:
    """A warning for each module that has parameters but is neither trained in any phase nor loaded from a run."""
    trained = {module for phase in plan.phases for module in phase.trained}
    return [
        f"modules.{name} has parameters that are never trained nor loaded"
        for name, count in count_parameters(modules).items()
        if count and name not in trained and plan.modules[name].weights is None
    ]
