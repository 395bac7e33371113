"""The optimisers of PyTorch and timm, by name: each steps, goes on from a checkpoint bit for bit, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semreg.core import UserError
from semreg.core.registry import OWN_DISTRIBUTION, components
from semreg.store.checkpoint import read_checkpoint, write_checkpoint
from tests.training.bench import Bench

Toy = Callable[..., Path]
Register = Callable[[str, str, type], None]

OF_MATRICES = "muon"
NAMES = [one.name for one in components("optimizer") if one.distribution == OWN_DISTRIBUTION]
QUICK = ("adafactorbv", "lion", "rprop", "timm_muon")
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES if name != OF_MATRICES]


@pytest.mark.parametrize("name", CASES)
def test_it_goes_on_from_a_checkpoint_bit_for_bit(name: str, toy: Toy, tmp_path: Path) -> None:
    path = toy(f'[optimizer]\nuse = "{name}"\nlr = 0.01\nschedule = {{ use = "cosine" }}')
    whole, stopped, later = (Bench(path) for _ in range(3))
    assert [problem for one in whole.runner.optimizers for problem in one.try_out()] == []
    before = whole.weights()
    for iteration in range(4):
        whole.runner.iterate(iteration)
    assert whole.moved(before) == {"encoder", "decoder"}
    for iteration in range(2):
        stopped.runner.iterate(iteration)
    later.runner.load_state(read_checkpoint(write_checkpoint(tmp_path / "run", 1, stopped.runner.state())))
    for module, table in stopped.weights().items():
        later.modules[module].load_state_dict(table)
    for iteration in range(2, 4):
        later.runner.iterate(iteration)
    for module, table in whole.weights().items():
        for key, value in table.items():
            assert torch.isfinite(value).all()
            assert torch.equal(later.weights()[module][key], value), (module, key)


def test_all_of_the_libraries_are_there() -> None:
    """But those that want sparse gradients, second derivatives, a compiler or another package."""
    import timm.optim

    def made_by(module: object, base: type) -> set[type]:
        return {one for one in vars(module).values() if isinstance(one, type) and issubclass(one, base)} - {base}

    targets = {one.target.partition(":")[2] for one in components("optimizer") if one.distribution == OWN_DISTRIBUTION}
    both = made_by(torch.optim, torch.optim.Optimizer) | made_by(timm.optim, torch.optim.Optimizer)
    assert {one.__name__ for one in both} - targets <= {"SparseAdam", "Adahessian", "Lookahead"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('use = "lion"\nlr = 0.1\nmomentun = 0.9', "has no option 'momentun'"),
        ('use = "lion"\nlr = "fast"', "optimizer.lr"),
        ('use = "adahessian"', "no optimizer is called 'adahessian'"),
        ('use = "muon"\nlr = 0.1', "Muon only supports 2D parameters"),
    ],
)
def test_what_does_not_fit_is_told_at_its_key(table: str, said: str, toy: Toy) -> None:
    with pytest.raises(UserError, match=said):
        Bench(toy(f"[optimizer]\n{table}"))


def test_an_optimizer_without_a_rate_asks_for_one(toy: Toy) -> None:
    path = toy()
    base = path.parent / "base.toml"
    base.write_text(base.read_text().replace("lr = 1e-2", 'use = "timm_adafactor"'))
    with pytest.raises(UserError, match="it has no rate by default; give it one, as lr = 1e-3"):
        Bench(path)


def test_sparse_gradients_are_refused_by_the_first_trial(toy: Toy, register: Register) -> None:
    register("optimizer", "sparse_adam", torch.optim.SparseAdam)
    [problem, *_] = Bench(toy('[optimizer]\nuse = "sparse_adam"')).optimizer("encoder").try_out()
    assert "sparse_adam (this process) can't make a step: " in problem.message
    assert "does not support dense gradients" in problem.message
