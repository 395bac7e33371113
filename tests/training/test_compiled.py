"""Compiled steps: the figures that they have without, from the same execution on in each run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semreg.training.compiled import COMPILING, FIRST, MEASURED, pays
from tests.training.bench import Bench

Toy = Callable[..., Path]


def test_it_is_told_from_which_step_on_it_pays() -> None:
    assert pays(0.003, 20.0, 0.002, "phases.main") == (
        "phases.main: compiling took 20 s, and a step takes 2 ms instead of 3: it pays from step 20,000 on"
    )
    assert "it doesn't pay" in pays(0.002, 20.0, 0.002, "phases.main")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler here")
def test_a_compiled_step_trains_as_the_step_does_and_says_whether_that_pays(toy: Toy) -> None:
    opposed = """
        [tensors]
        z = "posterior_mean(posterior)"
        [modules.critic]
        use = "mlp_encoder"
        outputs = 1
        hidden = []
        [losses.real]
        use = "l2(critic(reconstruction), critic(image))"
        [phases.main.train.critic]
        real = -1.0
        [phases.main.train.encoder]
        real = 1.0
    """
    path = toy(f"[optimizer]\nuse = 'sgd'\nlr = 0.01\n{opposed}")
    plain, compiled = Bench(path), Bench(path, compile=True)
    assert len(plain.runner.steps[0].passes) > 1, "so that a graph is kept for those after"
    for iteration in range(FIRST + COMPILING + MEASURED + 3):
        plain.runner.iterate(iteration)
        compiled.runner.iterate(iteration)
    for name, table in plain.weights().items():
        for key, value in table.items():
            torch.testing.assert_close(value, compiled.weights()[name][key], rtol=1e-4, atol=1e-6)
    [remark] = compiled.runner.remarks()
    assert remark.startswith("phases.main: compiling took ")
    assert compiled.runner.remarks() == plain.runner.remarks() == []
