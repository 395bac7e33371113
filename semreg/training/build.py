"""Modules from a plan: built once the shapes of their inputs are known, each initialised from a separate seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from semreg.components.values import tensors_of
from semreg.core import AttributesField, ClassField, ImageField, Problem, Specification, UserError, VectorField, seed_of
from semreg.recipe.component_errors import component_error
from semreg.recipe.plan import Plan, calls_in
from semreg.recipe.process_state import process_state_kept
from semreg.store.disk import memory
from semreg.training.dry_run import Meter
from semreg.training.program import Program, evaluating

SYNTHETIC_ROWS = 4
BYTES_PER_NUMBER = 4


def synthetic_batch(
    fields: Specification, value_range: tuple[float, float], rows: int = SYNTHETIC_ROWS
) -> dict[str, Any]:
    """Return a batch of the right shapes and types without content, for building and checking without data."""
    generator, cpu = torch.Generator().manual_seed(0), torch.device("cpu")
    batch: dict[str, torch.Tensor] = {}
    low, high = value_range
    for name, field in fields.items():
        if isinstance(field, ImageField):
            shape = (rows, field.channels, field.height, field.width)
            batch[name] = torch.rand(shape, generator=generator, device=cpu) * (high - low) + low
        elif isinstance(field, ClassField):
            batch[name] = torch.arange(rows, device=cpu) % len(field.names)
        elif isinstance(field, AttributesField):
            batch[name] = torch.randint(0, 2, (rows, len(field.names)), generator=generator, device=cpu).float()
        elif isinstance(field, VectorField):
            batch[name] = torch.randn(rows, field.size, generator=generator, device=cpu)
    return {name: values.to(torch.get_default_device()) for name, values in batch.items()}  # "meta" in some dry runs


def build_modules(plan: Plan, *, seed: int, lacking: list[Problem] | None = None) -> dict[str, nn.Module]:
    """Build all modules of a plan, on the CPU. Adding or leaving out one never changes another's initial weights.

    Raises UserError if a constructor rejects its options or a call on the data's shapes fails; with a list `lacking`,
    such modules are left out and the problems are appended to it.
    """
    modules: dict[str, nn.Module] = {}
    for part in (plan.trained_part(), plan):  # what evaluations call a module on doesn't decide its shapes
        builder = _Builder(part, seed, modules)
        for name in part.modules:
            try:
                builder.ensure(name, ())
            except UserError as error:
                if lacking is None:
                    raise
                lacking += [problem for problem in error.problems if problem not in lacking]
    return {name: modules[name] for name in plan.modules if name in modules}


class _Builder:
    """A builder of modules, one by one, each after the modules that its inputs need."""

    def __init__(self, plan: Plan, seed: int, modules: dict[str, nn.Module]) -> None:
        self.plan, self.seed, self.modules = plan, seed, modules
        self.program = Program(plan, self.modules, key=(seed, "build"), training=False)
        self.execution = self.program.execution(synthetic_batch(plan.fields, plan.value_range))
        self.meter = Meter(numbers=memory() / BYTES_PER_NUMBER)

    def ensure(self, name: str, pending: tuple[str, ...]) -> None:
        """Build a module unless it is built, for those `pending`, whose inputs need it."""
        if name in self.modules:
            return
        node = self.plan.modules[name].node
        component = node.loaded
        filled: dict[str, Any] = {}
        if "input_shapes" in component.signature.parameters:
            filled["input_shapes"] = self.input_shapes(name, pending)
        torch.manual_seed(seed_of(self.seed, "module", name) % 2**63)
        try:
            # The meter stops before the memory is taken: afterwards there would be nobody to tell it.
            with process_state_kept(), self.meter:
                module = component.value(**node.options, **filled)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # options that no type forbids can break a constructor in any way
            if self.meter.exceeded:
                here = f"the {memory() >> 30} GiB of memory here"
                raise self.wrong(name, f"its weights, and those built before it, take more than {here}") from error
            raise component_error(node, str(self.plan.recipe.path), error, f"modules.{name}") from error
        if not isinstance(module, nn.Module):
            raise self.wrong(name, f"{component.name} made a {type(module).__name__}, not an nn.Module")
        self.modules[name] = module

    def input_shapes(self, name: str, pending: tuple[str, ...]) -> list[tuple[int, ...]]:
        """Return the input shapes, without batch axis, of the module's first call that doesn't depend on the module."""
        for call in self.plan.calls_of(name):
            needed = self.plan.modules_of(*call.inputs)
            if {name, *pending}.intersection(needed):
                continue
            for other in needed:
                self.ensure(other, (*pending, name))
            try:
                with evaluating(self.modules):
                    values = [self.program.compute(value, self.execution) for value in call.inputs]
            except KeyError:  # of a run that is opened, and lacks what the call's inputs are computed from
                continue
            return [tuple(tensor.shape[1:]) for value in values for tensor in tensors_of(value)]
        raise self.wrong(
            name, "its input shapes are unknown: no tensor or loss calls it on something that does not need it first"
        )

    def wrong(self, name: str, message: str) -> UserError:
        return UserError(str(self.plan.recipe.path), [Problem(f"modules.{name}", message)])


def count_parameters(modules: Mapping[str, nn.Module]) -> dict[str, int]:
    """Count the parameters of each module."""
    return {name: sum(parameter.numel() for parameter in module.parameters()) for name, module in modules.items()}


def without_effect(plan: Plan, modules: Mapping[str, nn.Module]) -> list[str]:
    """Return a warning for each label that a recipe gives to a prior with `ignores_labels`."""
    ignoring = {name for name, module in modules.items() if getattr(module, "ignores_labels", False)}
    labels = {name for name, field in plan.fields.items() if isinstance(field, ClassField | AttributesField)}
    found = []
    for value in [*plan.tensors.values(), *plan.losses.values(), *plan.measuring()]:
        for call in (call for call in calls_in(value) if call.component is not None):
            asked = len(call.loaded.signature.inputs())  # what follows is given to the prior
            inputs = [str(part) for part in call.inputs]
            for prior in ignoring.intersection(inputs[:asked]):
                found += [
                    f"{call.where}: the prior {prior!r} depends on no label and ignores {label!r}"
                    for label in inputs[asked:]
                    if label in labels
                ]
    return found


def untrained(plan: Plan, modules: Mapping[str, nn.Module]) -> list[str]:
    """Return a warning for each module with parameters that is neither trained in any phase nor loaded from a run."""
    trained = {module for phase in plan.phases for module in phase.trained}
    return [
        f"modules.{name} has parameters that are neither trained nor loaded"
        for name, count in count_parameters(modules).items()
        if count and name not in trained and plan.modules[name].weights is None
    ]
