"""A step as one CUDA graph: captured after a warm-up, replayed from then on, with the same bits as without capture.

A small network's step is hundreds of kernels that take the GPU less time than Python takes to start them. A graph
starts all of them at once. It reads batches, rates and weights from the addresses at capture, and draws from generators
that are seeded before each replay.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from semreg.core import UserError
from semreg.core.errors import cause_of
from semreg.training.waits import Wait, cuda_waits

if TYPE_CHECKING:
    from semreg.training.step import StepRunner

WARM_UP = 3
"""Executions before the capture, in which libraries choose their kernels and optimisers create their state."""

OWN_THREAD = "thread_local"
"""The capture mode in which other threads, such as the reader of the next batch, don't end a capture."""


class Captured:
    """The graph of a step, once there is one; until then, and if there can't be one, the plain step.

    Args:
        step: whose executions are captured.
    """

    def __init__(self, step: StepRunner) -> None:
        self.step = step
        self.reason = self._what_forbids()
        """Why there is no graph and won't be one, or None."""
        self._told = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._executed = 0
        self._batch: dict[str, Tensor] = {}

    @property
    def has_graph(self) -> bool:
        """Whether there is a graph."""
        return self._graph is not None

    def _what_forbids(self) -> str | None:
        step = self.step
        if not hasattr(torch.cuda.CUDAGraph, "register_generator_state"):
            return f"PyTorch {torch.__version__} can't seed what a graph draws"
        if step.setting.processes.count > 1:
            return "several processes exchange gradients"
        if step.step.accumulate > 1:
            return "it accumulates the gradients of several batches"
        if step.scaler is not None:
            return "fp16 scales its gradients by their values; bf16 doesn't"
        for update in step.updates:
            if not update.optimizer.can_be_captured:
                return f"{update.optimizer.name} isn't adam, adamw or sgd, fused"
        return None

    def run(self, count: int) -> bool:
        """Run execution number `count` as a whole, or return False if the step has to run it itself."""
        step = self.step
        if self.reason is not None or (step.compiled is not None and not step.compiled.settled(count)):
            return False
        batch = step.next_batch(count)
        if self._graph is None and self._executed < WARM_UP:
            self._warm_up(batch, count)
            return True
        if self._graph is None:
            self._capture(batch, count)
            if self._graph is None:  # nothing has been computed, so the step does it
                return False
        for name, kept in self._batch.items():
            if kept.data_ptr() != batch[name].data_ptr():
                kept.copy_(batch[name])
        self._graph.replay()
        step.batches_summed += 1
        step.clock.lap("captured")
        return True

    def _compute(self, batch: Mapping[str, Any], count: int) -> None:
        """Compute the content of the graph."""
        step = self.step
        step.note(step.gradients(batch, count, step.passes, list(step.losses)))
        step.update(count)

    def _warm_up(self, batch: Mapping[str, Any], count: int) -> None:
        """Compute on a side stream; the last time, look for operations that wait and buffers that move."""
        device = self.step.setting.device
        self._executed += 1
        with torch.cuda.device(device):
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                if self._executed < WARM_UP:
                    self._compute(batch, count)
                else:
                    self._watch(batch, count)
            torch.cuda.current_stream(device).wait_stream(stream)

    def _watch(self, batch: Mapping[str, Any], count: int) -> None:
        """Compute, and note what a graph can't hold."""
        places, numbers = self._places(), self._numbers()
        found: Counter[Wait] = Counter()
        with self.step.clock.paused(), cuda_waits(self.step.setting.device, found):
            self._compute(batch, count)
        if found:
            self.reason = "it waits for the GPU: " + ", ".join(f"{wait.operation} at {wait.place}" for wait in found)
        elif places != self._places():
            self.reason = "a module puts other tensors in the places of its buffers"
        elif numbers != self._numbers():
            self.reason = "a module counts in Python, or something draws from Python's or NumPy's generator"

    def _capture(self, batch: Mapping[str, Any], count: int) -> None:
        step, graph, device = self.step, torch.cuda.CUDAGraph(), self.step.setting.device
        for draws in step.draws:
            graph.register_generator_state(draws.generator)
        groups = [group for update in step.updates for group in update.optimizer.optimizer.param_groups]
        capturable = {id(group): group["capturable"] for group in groups if "capturable" in group}
        summed, stream = step.batches_summed, torch.cuda.current_stream(device)
        self._batch = {name: value for name, value in batch.items() if isinstance(value, Tensor)}
        try:
            for group in groups:
                if id(group) in capturable:
                    group["capturable"] = True  # fused ones are, but PyTorch requires the flag
            with step.clock.paused(), torch.cuda.device(device), torch.cuda.graph(graph, capture_error_mode=OWN_THREAD):
                self._compute(batch, count)
        except (RuntimeError, UserError) as error:  # the step itself finds an error again
            self.reason = f"PyTorch refused: {cause_of(error.__cause__ or error)}"
            torch.cuda.set_stream(stream)  # which a failed capture leaves as its own
            for draws in step.draws:
                draws.renew()
            for update in step.updates:
                update.optimizer.forget()
        else:
            self._graph = graph
        finally:
            for group in groups:
                if id(group) in capturable:
                    group["capturable"] = capturable[id(group)]
            step.batches_summed = summed

    def _places(self) -> list[int]:
        """Return the addresses of the buffers of all modules."""
        modules = self.step.setting.modules.values()
        return [buffer.data_ptr() for module in modules for buffer in module.buffers()]

    def _numbers(self) -> list[Any]:
        """Return values that a graph would freeze: plain numbers of all modules, and states of other generators."""
        modules = self.step.setting.modules.values()
        kept = [vars(part) for module in modules for part in module.modules()]
        numbers = [value for table in kept for value in table.values() if isinstance(value, bool | int | float)]
        return [numbers, random.getstate(), [str(part) for part in np.random.get_state()]]

    def remarks(self) -> list[str]:
        """Return, once, why there is no graph."""
        if self.reason is None or self._told:
            return []
        self._told = True
        where = self.step.phase.key_of(self.step.step)
        return [f"{where} isn't captured as a CUDA graph: {self.reason}"]
