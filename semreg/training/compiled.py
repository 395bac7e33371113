"""A step's forward pass and losses compiled by `torch.compile`, and whether that pays."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from semreg.training.step import Pass, StepRunner

FIRST = 6
"""Executions before the first compiled one, which measure the time without compilation."""
COMPILING = 2
"""Executions that compile: the second one for the strides that the first has found."""
MEASURED = 4
"""Executions that are measured after compilation."""


class Compiled:
    """The losses of a step, compiled from execution number `FIRST` on: at the same one in each run of a recipe.

    Args:
        step: whose losses are compiled.
    """

    def __init__(self, step: StepRunner) -> None:
        self.step = step
        step.seed_global_draws()  # compiled code draws from these
        self._function = torch.compile(self._losses_and_totals, dynamic=False)
        self._calls = 0
        self._begun: tuple[int, float] | None = None
        self._seconds: dict[int, float] = {}
        """The seconds of the first executions, by their number."""
        self._told = False

    def begins(self, index: int) -> bool:
        """Return whether execution `index`, which starts now, is compiled."""
        if not self.settled(index):
            self._measure(index)
        return index >= FIRST

    def settled(self, index: int) -> bool:
        """Return whether compilation and its measurement end before execution `index`."""
        return index > FIRST + COMPILING + MEASURED

    def losses_and_totals(
        self, batch: Mapping[str, Any], passes: Sequence[Pass], names: Sequence[str]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the losses of these names on a batch, and each pass's total to differentiate."""
        self._calls += 1
        quiet = _quiet() if self._calls <= COMPILING else contextlib.nullcontext()
        with self.step.program.autocast(), self._several_passes(), quiet:
            return self._function(batch, passes, names)

    def _losses_and_totals(
        self, batch: Mapping[str, Any], passes: Sequence[Pass], names: Sequence[str]
    ) -> tuple[list[Tensor], list[Tensor]]:
        execution = dict(batch)  # a copy made in here: what is computed on the way isn't kept for anyone
        losses = {name: self.step.losses[name](execution) for name in names}
        totals = self.step.weighted(passes, losses)
        return [loss.detach() for loss in losses.values()], totals

    def _several_passes(self) -> contextlib.AbstractContextManager[Any]:
        """Keep the forward pass's results after the first of several backward passes."""
        if len(self.step.passes) == 1:
            return contextlib.nullcontext()
        import torch._functorch.config as functorch

        kept: contextlib.AbstractContextManager[Any] = functorch.patch(donated_buffer=False)
        return kept

    # --- whether it pays ---

    def _measure(self, index: int) -> None:
        """Record the time of the execution before."""
        if self.step.setting.device.type == "cuda":
            torch.cuda.synchronize(self.step.setting.device)
        now = time.perf_counter()
        if self._begun is not None and self._begun[0] == index - 1:
            self._seconds[index - 1] = now - self._begun[1]
        self._begun = (index, now)

    def remarks(self) -> list[str]:
        """Return, once, a note on when compilation pays."""
        if self._told or len(self._seconds) < FIRST + COMPILING + MEASURED:
            return []
        self._told = True
        took = [self._seconds[index] for index in sorted(self._seconds)]
        before, compiling, after = took[1:FIRST], took[FIRST : FIRST + COMPILING], took[FIRST + COMPILING :]
        return [pays(min(before), sum(compiling), min(after), self.step.phase.key_of(self.step.step))]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence PyTorch's messages to its own developers during compilation."""
    log = logging.getLogger("torch.utils.cpp_extension")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*_prims_common.check. is deprecated")
            yield
    finally:
        log.setLevel(level)


def pays(before: float, compiling: float, after: float, where: str) -> str:
    """Return a note on when compilation pays, given the seconds of a step before and after, and of compiling."""
    took = f"{where}: compiling took {compiling:.0f} s, and a step takes {after * 1e3:.3g} ms instead of"
    if after >= before:
        return f"{took} {before * 1e3:.3g}: it doesn't pay; leave --compile out, for a run with other last digits"
    return f"{took} {before * 1e3:.3g}: it pays from step {compiling / (before - after):,.0f} on"
