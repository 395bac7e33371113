"""A run's computations as modules without a recipe: encoder, decoder and other modules, saved by torch.export."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils import parametrize

from semreg.components.values import tensors_of
from semreg.core import ImageField, UserError
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory
from semreg.exporting.preprocessing import Preprocessing
from semreg.recipe.plan import Read, uses
from semreg.store.exported import is_large
from semreg.store.layout import MODEL
from semreg.trained import need
from semreg.trained.in_memory import as_read
from semreg.trained.run import Run
from semreg.training.program import Execution

ENCODER, DECODER, MODULES = "encoder", "decoder", "modules"
BATCH, IMAGE = ("batch",), ("batch", "height", "width")
"""The names of an input's first axes, which may have any size."""
LONGEST_CAUSE = 300


@dataclass(frozen=True)
class Part:
    """A module to export, in eval mode; `inputs` and `outputs` are the names of its arguments and results."""

    name: str
    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reads_images: bool = False
    """Whether the first input are images for `Preprocessing`."""
    called: str = ""
    """The name of the recipe's module, if it is one."""


class Computed(nn.Module):
    """Tensors of a run, computed from fields and other tensors as its recipe does in evaluations.

    `reading` converts the first input to a field.
    """

    def __init__(self, run: Run, inputs: Sequence[str], outputs: Sequence[str], reading: nn.Module) -> None:
        super().__init__()
        self.inputs, self.outputs, self.reading = tuple(inputs), tuple(outputs), reading
        names = modules_for(run, outputs, inputs)
        self.parts = nn.ModuleDict({name: run.modules[name] for name in names})  # which the program calls
        self.program = run.programs[False]

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, `(batch, ...)` each, of inputs `(batch, ...)`."""
        first, *others = values
        execution: Execution = dict(zip(self.inputs, (self.reading(first), *others), strict=True))
        return tuple(self.program.value(name, execution) for name in self.outputs)


class _Called(nn.Module):
    """A module whose results always form a tuple of tensors."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *values: Any) -> tuple[Tensor, ...]:
        return tuple(tensors_of(self.module(*values)))


class _Widened(nn.Module):
    """A weight stored in half precision and used in single precision."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight.float()


def modules_for(run: Run, names: Sequence[str], given: Sequence[str] = ()) -> list[str]:
    """Return the modules that compute tensors, if other tensors are given, in the recipe's order."""
    found = uses([Read(name) for name in names], run.plan.tensors, frozenset(given))
    return [name for name in run.modules if name in found.read | found.modules]


def encoder_of(run: Run) -> Part:
    """Return the part from the input, and labels if codes need them, to all codes. Raises UserError without roles."""
    roles = need(run, "input", "code")
    labels = {name for code in roles.code for name in run.tensor(code).needs(roles.input)}
    inputs, field = (roles.input, *sorted(labels)), run.fields[roles.input]
    reading = reading_for(run, field) if isinstance(field, ImageField) else None
    module = Computed(run, inputs, roles.code, reading or nn.Identity()).eval()
    return Part(ENCODER, module, inputs, roles.code, reads_images=reading is not None)


def reading_for(run: Run, field: ImageField) -> Preprocessing:
    """Return the conversion of RGB images of any size to the run's images, as its data were read."""
    how = as_read(run)
    return Preprocessing(field, run.value_range, how["filter"], how["white"])


def decoder_of(run: Run) -> Part:
    """Return the part from all codes, and labels if the output needs them, to the output. Raises UserError as
    `encoder_of`.
    """
    roles = need(run, "code", "output")
    inputs = (*roles.code, *sorted(run.tensor(roles.output).needs(*roles.code)))
    return Part(DECODER, Computed(run, inputs, [roles.output], nn.Identity()).eval(), inputs, (roles.output,))


def module_of(run: Run, name: str) -> Part:
    """Return a module of the recipe by its name, with the inputs of its first call.

    Raises UserError if it doesn't exist, or if no tensor or loss calls it, as with priors.
    """
    module, call = run.module(name), next(run.plan.calls_of(name), None)
    if call is None:
        raise UserError("", f"no tensor or loss calls it; its numbers are in {MODEL}")
    inputs = tuple(map(str, call.inputs))
    return Part(f"{MODULES}/{name}", _Called(module).eval(), inputs, (str(call),), called=name)


def program_of(part: Part, values: Sequence[Tensor], *, half: bool = False) -> ExportedProgram:
    """Convert a part by torch.export, for batches and images of any size; `values` are inputs of two rows or more.

    `half` stores its weights in half precision, after rounding. Raises UserError with the cause if the format doesn't
    support the part.
    """
    axes = {name: Dim(name, min=1) for name in IMAGE}
    free = [IMAGE if part.reads_images and not place else BATCH for place in range(len(values))]
    shapes = tuple({axis: axes[name] for axis, name in enumerate(names)} for names in free)
    with torch.no_grad(), _kept_in_half(part.module, half):
        program = _traced(part.module, tuple(values), (shapes,))
    for node in program.graph.nodes:
        for key in ("stack_trace", "torch_fn"):  # the one names files of this machine, and nobody reads the other
            node.meta.pop(key, None)
    return program


def _traced(module: nn.Module, values: tuple[Tensor, ...], shapes: Any) -> ExportedProgram:
    """Return the program of a module: as Python runs it, or else, for example if it reads a length, from bytecode."""
    cause = ""
    for strict in (False, True):
        try:
            return torch.export.export(module, values, dynamic_shapes=shapes, strict=strict)
        except Exception as error:  # whatever tracing a component of anyone's raises
            if out_of_memory(error):
                raise
            cause = cause or cause_of(error)[:LONGEST_CAUSE]
    raise UserError("", f"torch.export can't say it: {' '.join(cause.split())}")


def saved(program: ExportedProgram) -> bytes:
    """Return the content of a .pt2 file."""
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def round_to_half(run: Run) -> None:
    """Round the large weights of a run's modules to half precision, in place."""
    with torch.no_grad():
        for module in run.modules.values():
            for weight in filter(is_large, module.parameters()):
                weight.copy_(weight.half())


@contextlib.contextmanager
def _kept_in_half(module: nn.Module, wanted: bool) -> Iterator[None]:
    """Store the large weights of a module as float16 inside, and compute with weights made from them."""
    weights = [
        (inner, name, weight)
        for inner in (list(module.modules()) if wanted else ())
        for name, weight in inner.named_parameters(recurse=False)
        if is_large(weight)
    ]
    for inner, name, weight in weights:
        setattr(inner, name, nn.Parameter(weight.half(), requires_grad=False))
        parametrize.register_parametrization(inner, name, _Widened(), unsafe=True)
    try:
        yield
    finally:
        for inner, name, weight in weights:
            parametrize.remove_parametrizations(inner, name, leave_parametrized=False)
            setattr(inner, name, weight)
