"""Captured steps: the bits that they have without, and what forbids a capture."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.components.encoders import MLPEncoder
from semreg.training import captured
from semreg.training.captured import WARM_UP, Captured
from semreg.training.clock import Clock
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


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A GPU that isn't there: what is captured is computed once, a replay is nothing; and what was done with it."""
    done: list[str] = []

    class Graph:
        def register_generator_state(self, generator: torch.Generator) -> None:
            done.append("registered")

        def replay(self) -> None:
            done.append("replayed")

    @contextlib.contextmanager
    def graph(graph: Graph, **options: Any) -> Iterator[None]:
        done.append("capturing")
        yield
        done.append("captured")

    def synchronize(*_: Any) -> None:
        if done and done[-1] == "capturing":
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: "usual")
    monkeypatch.setattr(torch.cuda, "set_stream", done.append)
    monkeypatch.setattr(captured, "cuda_waits", lambda *_: contextlib.nullcontext())
    return done


def on_card(bench: Bench, executed: int = WARM_UP) -> Captured:
    """The step's capture as on a GPU, once it is warm."""
    step = bench.runner.steps[0]
    made = step.captured = Captured(step)
    made.reason, made._executed = None, executed
    return made


def test_a_step_is_captured_once_and_replayed_from_then_on(card: list[str], toy: Toy) -> None:
    bench = Bench(toy())
    clock = Clock(torch.device("cuda"))
    made, bench.runner.steps[0].clock = on_card(bench), clock
    clock.start(16)  # which is measured: the GPU is waited for at each lap, but not in a capture
    for iteration in range(3):
        bench.runner.iterate(iteration)
    assert made.has_graph
    assert (card.count("captured"), card.count("replayed")) == (1, 3)
    assert bench.runner.steps[0].batches_summed == 3
    assert bench.runner.remarks() == []


def test_a_step_whose_capture_fails_goes_on_as_it_is(card: list[str], toy: Toy, register: Register) -> None:
    def picky(a: Tensor, b: Tensor) -> Tensor:
        if card and card[-1] == "capturing":
            raise RuntimeError("this generator can't be captured")
        return (a - b).square().mean()

    register("loss", "picky", picky)
    path = toy('[losses.rec]\nuse = "picky(reconstruction, image)"')
    bench, plain = Bench(path), Bench(path)
    made = on_card(bench)
    for iteration in range(3):
        bench.runner.iterate(iteration)
        plain.runner.iterate(iteration)
    assert not made.has_graph
    assert card[-1] == "usual", "the stream of before is the current one"
    assert bench.runner.remarks() == [
        "phases.main isn't captured as a CUDA graph: PyTorch refused: this generator can't be captured"
    ]
    assert bench.runner.losses() == plain.runner.losses()
    for name, table in plain.weights().items():
        assert all(torch.equal(value, bench.weights()[name][key]) for key, value in table.items())


class Counting(MLPEncoder):
    """An encoder that counts how often it is called."""

    seen = 0

    def forward(self, *inputs: Tensor) -> Tensor:
        self.seen += 1
        return super().forward(*inputs)


class Moving(MLPEncoder):
    """An encoder that puts another tensor in the place of its buffer."""

    def __init__(self, *, input_shapes: list[tuple[int, ...]], outputs: int, hidden: list[int]) -> None:
        super().__init__(input_shapes=input_shapes, outputs=outputs, hidden=hidden)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, *inputs: Tensor) -> Tensor:
        self.mean = self.mean + 1
        return super().forward(*inputs)


class Drawing(MLPEncoder):
    """An encoder that draws from Python's generator."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return super().forward(*inputs) * random.random()


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (Counting, "a module counts in Python, or something draws from Python's or NumPy's generator"),
        (Drawing, "a module counts in Python, or something draws from Python's or NumPy's generator"),
        (Moving, "a module puts other tensors in the places of its buffers"),
        (MLPEncoder, None),
    ],
)
def test_what_a_graph_would_keep_as_it_was_is_found(
    encoder: type[nn.Module], reason: str | None, card: list[str], toy: Toy, register: Register
) -> None:
    register("encoder", "odd", encoder)
    bench = Bench(toy('[modules.encoder]\nuse = "odd"\noutputs = 4\nhidden = []'))
    made = on_card(bench, WARM_UP - 1)
    made._watch(make_batch(0), 0)
    assert made.reason == reason


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
    assert captured.runner.steps[0].captured.has_graph
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
