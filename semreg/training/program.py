"""Tensors and losses as a program: each name is computed once, when it is first read, and never if it is unread."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

import torch
from torch import nn

from semreg.components.functional import at_least_float32, undecorated
from semreg.components.values import is_posterior
from semreg.core import Problem, UserError, seed_of
from semreg.core.errors import ComponentError, ProcessLostError, cause_of
from semreg.core.memory import out_of_memory
from semreg.recipe.component_errors import LONGEST_CAUSE, component_error, failure_text
from semreg.recipe.plan import Node, Plan, Read, Value, uses
from semreg.training.draws import Draws
from semreg.training.parts import over_processes
from semreg.training.processes import ALONE, Processes

LOW_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


Execution = dict[str, Any]
"""The values of one execution of a step: the batch's fields, and the values computed from them."""
Evaluate = Callable[[Execution], Any]


class ExpressionError(UserError):
    """A failure of a recipe's call on real values: the expression, the shapes of its inputs, and the cause."""


class Program:
    """The tensors and losses of a plan, over modules.

    Args:
        plan: what to compute.
        modules: the built modules; looked up at each call, so it may be filled later.
        key: seeds random draws, besides the tensor's name and the execution's index; the run's seed comes first.
        training: False gives random operations their evaluation form (a posterior's mean, the image itself).
        precision: of the networks, unless a module has its own: "fp32", or "bf16" or "fp16" by autocast. The networks'
            results, and operations, priors and losses, are in at least float32, since angles between close codes
            and sums need its digits.
        processes: compute together, each from its rows of the batch, the result of one process on all of them.

    `execution` starts each execution; it seeds all draws, before the first tensor is computed.
    """

    def __init__(
        self,
        plan: Plan,
        modules: Mapping[str, nn.Module],
        *,
        key: tuple[Any, ...] = (),
        training: bool = True,
        device: torch.device | None = None,
        precision: str = "fp32",
        processes: Processes = ALONE,
    ) -> None:
        self.processes = processes
        self.plan, self.modules, self.key, self.training = plan, modules, key, training
        self.device = device or torch.device("cpu")
        self.precision = precision
        self.progress: torch.Tensor | None = None
        """The finished share of a phase, from 0 to 1, if a component asks for it; 1 outside training."""
        self._tensors: dict[str, Evaluate] = {}
        self._draws: dict[str, list[Draws]] = {}
        # By their places, since a loss may have a tensor's name and must not have its draws.
        self.losses: dict[str, Evaluate] = {
            name: self._closure_at(node, f"losses.{name}", scalar=True) for name, node in plan.losses.items()
        }
        for name, value in plan.tensors.items():
            self._tensors[name] = self._closure_at(value, f"tensors.{name}")

    def execution(self, fields: Mapping[str, Any], index: int = 0) -> Execution:
        """Start execution number `index`, on the fields of a batch; the number decides its random draws."""
        for draws in self.draws():
            draws.seed(index)
        return dict(fields)

    def draws(self, losses: Iterable[str] | None = None) -> list[Draws]:
        """Return the generators of all losses, or of some."""
        if losses is None:
            places = set(self._draws)
        else:
            read = uses([self.plan.losses[name] for name in losses], self.plan.tensors).read
            places = {*(f"losses.{name}" for name in losses), *(f"tensors.{name}" for name in read)}
        return [draws for place, several in self._draws.items() if place in places for draws in several]

    def value(self, name: str, execution: Execution) -> Any:
        """Return the value of a tensor or field by name."""
        if name not in execution:
            execution[name] = self._tensors[name](execution)
        return execution[name]

    def compute(self, value: Value, execution: Execution) -> Any:
        """Return the value of an expression that has no name, such as an input of a call."""
        evaluate = self._closure_at(value, "")
        for draws in self._draws.pop("", []):
            draws.seed(0)
        return evaluate(execution)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context for executions."""
        return self._autocast(self.precision) if self.precision in LOW_PRECISIONS else contextlib.nullcontext()

    def _autocast(self, precision: str) -> torch.autocast:
        low = precision in LOW_PRECISIONS
        return torch.autocast(self.device.type, dtype=LOW_PRECISIONS[precision] if low else None, enabled=low)

    # --- compilation: one closure per call, no look-ups left for the loop ---

    def _closure_at(self, value: Value, place: str, *, scalar: bool = False) -> Evaluate:
        """Return a function that computes the value at a place in the recipe."""
        self._place = place
        return self._closure_of(value, place, scalar=scalar)

    def _closure_of(self, value: Value, path: str, *, scalar: bool = False) -> Evaluate:
        """Return a function that computes a part of it; `path`, the part's place in the recipe, seeds its draws."""
        if isinstance(value, Read):
            return self._read(value.name)
        inputs = [self._closure_of(part, f"{path}.{position}") for position, part in enumerate(value.inputs)]
        if value.component is not None:
            call = self._component(value, path)
            if value.component.kind != "loss":  # they are in float32, whatever they get
                given = [self.plan.modules.get(part.name) for part in value.inputs if isinstance(part, Read)]
                networks = [module.name for module in given if module and module.node.loaded.kind != "prior"]
                call = self._in_precision(call, networks)
            return self._guarded(call, inputs, value, scalar)
        modules, name = self.modules, value.name

        def call_module(*values: Any) -> Any:
            return modules[name](*values)

        whole = over_processes(call_module, self.plan.modules[name].node.loaded.value, self.processes)
        return self._guarded(self._in_precision(whole, [name]), inputs, value, scalar)

    def _precision_of(self, module: str) -> str:
        """Return a module's precision, or the run's; a criterion has that of other losses."""
        plan = self.plan.modules[module]
        return plan.precision or ("fp32" if plan.node.loaded.kind == "criterion" else self.precision)

    def _in_precision(self, call: Callable[..., Any], networks: list[str]) -> Callable[..., Any]:
        """Wrap a call of networks in their precision, the finest of several; without networks in fp32. Its inputs and
        results are in at least float32."""
        wanted = set(map(self._precision_of, networks))
        precision = next((one for one in ("fp32", "bf16", "fp16") if one in wanted), "fp32")

        def call_in_precision(*values: Any) -> Any:
            with self._autocast(precision):
                return at_least_float32(call(*map(at_least_float32, values)))

        return call if precision == self.precision == "fp32" else call_in_precision

    def _read(self, name: str) -> Evaluate:
        if name in self.plan.modules:
            return lambda execution: self.modules[name]
        if name not in self.plan.tensors:
            return lambda execution: execution[name]

        def read(execution: Execution) -> Any:
            if name not in execution:
                execution[name] = self._tensors[name](execution)
            return execution[name]

        return read

    def _component(self, node: Node, path: str) -> Callable[..., Any]:
        """Return a component's function with its options bound, and with its generator if it is random."""
        component, options = node.loaded, dict(node.options)
        deterministic = getattr(component.value, "in_evaluation", None)
        function: Callable[..., Any] = undecorated(component.value)  # `_guarded` does the same, in one frame less
        if not self.training and deterministic is not None:
            function, options = deterministic, {}
        if inspect.isclass(function):
            torch.manual_seed(seed_of(*self.key[:1], "component", path))  # by the run's seed: the same in every step
            try:
                instance: Any = function(**options)
                instance = instance.to(self.device)
                if isinstance(instance, nn.Module):
                    instance.requires_grad_(False)  # no recipe can train it
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise component_error(node, str(self.plan.recipe.path), error, path) from error
            function, options = instance, {}
        generator = None
        if component.random and function is not deterministic:
            draws = Draws(torch.Generator(self.device), seed_of(*self.key, path))
            self._draws.setdefault(self._place, []).append(draws)
            generator = draws.generator
            function = _drawing(function, draws)
        if component.follows_progress and function is not deterministic:
            if self.progress is None:  # a tensor, so that captured and compiled steps read what it is now
                self.progress = torch.ones((), device=self.device)
            options["progress"] = self.progress
        call = partial(function, **options) if options else function
        return over_processes(call, component.value, self.processes, generator)

    def _guarded(self, call: Callable[..., Any], inputs: list[Evaluate], node: Node, scalar: bool) -> Evaluate:
        source, text, where = str(self.plan.recipe.path), str(node), node.where
        component = node.component or self.plan.modules[node.name].node.loaded
        loss = component.kind in ("loss", "criterion")
        if loss and self.precision in LOW_PRECISIONS:
            call = torch.autocast(self.device.type, enabled=False)(call)

        def evaluate(execution: Execution) -> Any:
            values = [read(execution) for read in inputs]
            if loss:
                values = [at_least_float32(value) for value in values]
            try:
                value = call(*values)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a component of anyone's, on inputs of anyone's
                if out_of_memory(error) or isinstance(error, ProcessLostError):
                    raise
                if not isinstance(error, Exception):
                    raise ComponentError(source, [Problem(where, f"'{text}' {failure_text(error)}")]) from error
                given = ", ".join(value_text(value) for value in values)
                reason = cause_of(error)[:LONGEST_CAUSE]
                raise ExpressionError(
                    source, [Problem(where, f"'{text}' failed on {given or 'no inputs'}: {reason}")]
                ) from error
            if not scalar:
                return value
            whole = isinstance(value, torch.Tensor) and value.numel() == 1
            if not whole or value.is_complex() or value.layout != torch.strided:
                shown = value_text(value)
                raise ExpressionError(source, [Problem(where, f"a loss is one real number; this one gives {shown}")])
            return value.reshape(())

        return evaluate


def _drawing(function: Callable[..., Any], draws: Draws) -> Callable[..., Any]:
    """Give a random function its generator; if compiled, which supports no generators, PyTorch's global one."""

    def drawing(*values: Any, **options: Any) -> Any:
        return function(*values, generator=None if torch.compiler.is_compiling() else draws.generator, **options)

    return drawing


def value_text(value: Any) -> str:
    """Return a value's type and shape, for messages."""
    if isinstance(value, torch.Tensor):
        layout = "" if value.layout == torch.strided else "sparse "
        return f"{layout}{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if is_posterior(value):
        return f"{type(value).__name__}({', '.join(map(value_text, value))})"
    return type(value).__name__


@contextlib.contextmanager
def evaluating(modules: MutableMapping[str, nn.Module]) -> Iterator[None]:
    """Put all modules into eval mode, without gradients; restore their modes afterwards."""
    modes = {name: module.training for name, module in modules.items()}
    for module in modules.values():
        module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for name, mode in modes.items():
            modules[name].train(mode)
