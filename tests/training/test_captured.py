"""Captured steps: the bits that they have without, and what forbids a capture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.training.captured import WARM_UP, Captured
from tests.training.bench import Bench, make_batch

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
NO_GPU = "needs a GPU"


def reason(path: Path, *overrides: str) -> str | None:
    return Captured(Bench(path, *overrides).runner.steps[0]).reason


def test_what_forbids_a_capture_is_said(toy: Toy) -> None:
    """On a CPU it is the optimiser, last of all."""
    assert reason(toy()) == "the optimizer of encoder and decoder isn't adam, adamw or sgd, fused"
    assert reason(toy("[phases.main]\naccumulate = 2")) == "it accumulates the gradients of several batches"
    assert Bench(toy()).runner.steps[0].captured is None, "nothing is said where there is no GPU"


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
@pytest.mark.parametrize("table", ["", 'use = "sgd"\nmomentum = 0.9', "schedule = { use = 'cosine' }\nclip = 0.1"])
def test_a_captured_step_has_the_bits_of_the_step(table: str, toy: Toy) -> None:
    path = toy(f"[optimizer]\nlr = 0.01\n{table}\n[phases.main.train.encoder]\nkl = {{ weight = 0.4, warmup = 2 }}")
    eager, captured = (Bench(path, device="cuda", capture=capture) for capture in (False, True))
    for iteration in range(WARM_UP + 8):
        for bench in (eager, captured):
            bench.runner.iterate(iteration)
        if iteration in (2, 6):
            assert eager.runner.losses() == captured.runner.losses()
    assert captured.runner.remarks() == []
    assert captured.runner.steps[0].captured is not None
    assert captured.runner.steps[0].captured.captured
    for name, table_of in eager.weights().items():
        assert all(torch.equal(value, captured.weights()[name][key]) for key, value in table_of.items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
def test_a_component_that_waits_is_computed_as_it_is_with_one_remark(toy: Toy, register: Register) -> None:
    def waiting(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).square().mean() * (2.0 if float(a.sum()) > 0 else 1.0)

    register("loss", "waiting", waiting)
    bench = Bench(toy('[losses.rec]\nuse = "waiting(reconstruction, image)"'), device="cuda", capture=True)
    for iteration in range(WARM_UP + 2):
        bench.runner.iterate(iteration)
    [remark] = bench.runner.remarks()
    assert remark.startswith("phases.main isn't captured as a CUDA graph: ")
    assert bench.runner.remarks() == []
    assert make_batch(0)["image"].device.type == "cpu"
