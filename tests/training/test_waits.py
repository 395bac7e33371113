"""What waits for a device is counted, on the CPU, and no shipped recipe's step does."""

from __future__ import annotations

import contextlib
import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from semreg.components.pretrained import without_weights
from semreg.core import at_hand
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting
from semreg.training.trial import OneBatch
from semreg.training.waits import CHECKS, COPIES, READS, SHAPES, counted_waits, numbers_of
from tests.projects import ROOT

VALUES, MASK = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, False, True])
SQUARE = torch.eye(3) + 0.1
FAMILIES = (
    "conditional/small/gm", "mixes/atnl_gaussian_mixture", "mnist/atnl", "mnist/vae_tnl", "uniform_ablation",
    "leakage/predictability_alone", "vae_digits", "quantized/residual",
)  # fmt: skip
RECIPES = sorted(path for path in (ROOT / "recipes").rglob("*.toml") if path.parent.name != "partial")


@pytest.mark.parametrize(
    ("call", "name", "instead"),
    [
        (lambda x: x[0].item(), "item", READS),
        (lambda x: x.tolist(), "tolist", READS),
        (lambda x: 1 if x.sum() else 2, "bool", READS),
        (lambda x: float(x.sum()), "float", READS),
        (lambda x: math.sqrt(x[0]), "float", READS),
        (lambda x: int(x[0]), "int", READS),
        (lambda x: range(x.long()[0]), "index", READS),
        (lambda x: f"{x[0]:.1f}", "format", READS),
        (lambda x: x.numpy(), "numpy", READS),
        (lambda x: x.cpu(), "cpu", READS),
        (lambda x: x.to("cpu"), "to", READS),
        (lambda x: torch.equal(x, x), "equal", READS),
        (lambda x: 1.0 in x, "contains", READS),
        (lambda x: x[torch.argmax(x)], "getitem", READS),
        (lambda x: torch.full((2,), x[0], device=x.device), "full", READS),
        (lambda x: x.masked_fill(MASK, x[0]), "masked_fill", READS),
        (lambda x: x.nonzero(), "nonzero", SHAPES),
        (lambda x: x.unique(sorted=False), "unique", SHAPES),
        (lambda x: x[MASK], "getitem", SHAPES),
        (lambda x: x.clone()[:, None][MASK, 0], "getitem", SHAPES),
        (lambda x: x.clone().__setitem__(MASK, x[:2]), "setitem", SHAPES),
        (lambda x: torch.where(MASK), "where", SHAPES),
        (lambda x: torch.repeat_interleave(x, x.long()), "repeat_interleave", SHAPES),
        (lambda x: torch.masked_select(x, MASK), "masked_select", SHAPES),
        (lambda x: torch.bincount(x.long()), "bincount", SHAPES),
        (lambda x: x + torch.tensor(2.0), "tensor", COPIES),
        (lambda x: x.new_tensor(2.0), "new_tensor", COPIES),
        (lambda x: torch.as_tensor(2.0, device=x.device), "as_tensor", COPIES),
        (lambda x: x[[0, 2]], "getitem", COPIES),
        (lambda x: torch.arange(3).to(x), "arange", COPIES),
        (lambda x: torch.linalg.solve(SQUARE, x), "linalg_solve", CHECKS),
        (lambda x: torch.multinomial(x, 2), "multinomial", CHECKS),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "call",
)  # fmt: skip
def test_what_waits_is_counted_where_it_is(call: Callable[[Tensor], Any], name: str, instead: str) -> None:
    with counted_waits() as found:
        call(VALUES.clone())
    [(wait, count)] = found.items()
    assert (count, wait.operation, wait.instead) == (1, name, instead)
    assert wait.place == f"test_waits.py:{call.__code__.co_firstlineno}"
    assert str(wait) == f"{name} at {wait.place}; {instead}"


@pytest.mark.parametrize(
    "call",
    [
        lambda x: torch.where(MASK, x, 0.0),
        lambda x: x.masked_fill(MASK, 0.0),
        lambda x: x.clone().__setitem__(MASK, 0.0),
        lambda x: x[torch.argsort(x)][1:, None],
        lambda x: x.repeat_interleave(2),
        lambda x: torch.repeat_interleave(x, x.long(), output_size=6),
        lambda x: torch.as_tensor(x, device=x.device).to(x),
        lambda x: x + torch.arange(3, device=x.device) + x.new_full((), 2.0) + x.new_zeros(3),
        lambda x: torch.linalg.solve_ex(SQUARE, x),
        lambda x: x.tolist() if at_hand(x) else x,
        lambda x: len(x) + x.numel() + x.shape[0],
    ],
)  # fmt: skip
def test_what_does_not_wait_is_not(call: Callable[[Tensor], Any]) -> None:
    with counted_waits() as found:
        call(VALUES.clone())
    assert not found


class _Looks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradients[0].max().item()
        return gradients[0]


@pytest.mark.parametrize(
    "pull",
    [
        lambda y, x: y.backward(),
        lambda y, x: torch.autograd.backward(y, inputs=[x]),
        torch.autograd.grad,
    ],
)
def test_backward_passes_are_looked_into(pull: Callable[[Tensor, Tensor], Any]) -> None:
    leaf = VALUES.clone().requires_grad_()
    with counted_waits() as found:
        pull(_Looks.apply(leaf).sum(), leaf)  # type: ignore[no-untyped-call]
    assert [(wait.operation, count) for wait, count in found.items()] == [("item", 1)]


def test_the_steps_that_an_optimizer_counts_on_the_cpu_are_none() -> None:
    weights = VALUES.clone().requires_grad_()
    optimizer = torch.optim.Adam([weights], foreach=False)
    weights.grad = torch.ones(3)
    with counted_waits() as found:
        optimizer.step()
    assert not found


def test_afterwards_nothing_is_counted_and_numbers_are_at_hand() -> None:
    with contextlib.suppress(ZeroDivisionError), counted_waits() as found:
        assert not at_hand(VALUES)
        raise ZeroDivisionError
    VALUES.tolist()
    assert not found
    assert at_hand(VALUES)


def test_on_a_gpu_what_cuda_tells_counts_and_other_warnings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[Any] = []
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    with warnings.catch_warnings(record=True) as said, counted_waits(torch.device("cuda")) as found:
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        warnings.warn("of another kind", stacklevel=1)
        VALUES.tolist()  # on the CPU, for which no GPU is waited for
    assert [str(one.message) for one in said] == ["of another kind"]
    [wait] = found
    assert (wait.operation, wait.place.partition(":")[0]) == ("what CUDA waits for", "test_waits.py")
    assert modes == ["warn", 1]


def test_numbers_are_read_at_once_with_all_digits() -> None:
    scalars = [torch.tensor(0.1), torch.tensor(1 / 3, dtype=torch.float64), torch.tensor(True)]
    with counted_waits() as found:
        numbers = numbers_of(scalars)
    assert numbers == [float(scalar) for scalar in scalars]
    assert [(wait.operation, count) for wait, count in found.items()] == [("tolist", 1)]
    assert numbers_of([]) == []


@contextlib.contextmanager
def _phases(path: Path, root: Path = Path("no_such_folder")) -> Iterator[Iterator[PhaseRunner]]:
    """The phases of a recipe, one after another, on a few made-up rows."""
    with without_weights(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = check(load_recipe(path), data_root=root, fallback=True)
        setting = Setting(plan, build_modules(plan, seed=0), 0, torch.device("cpu"), "fp32")
        batch = synthetic_batch(plan.fields, plan.value_range, 8)
        yield (
            PhaseRunner(setting, phase, partial(OneBatch, setting, phase, lambda phase, step: batch), None)
            for phase in plan.phases
        )


def _require_no_wait(path: Path, root: Path = Path("no_such_folder")) -> None:
    with _phases(path, root) as phases:
        for phase in phases:
            phase.iterate(0)  # what is made once is made
            with counted_waits() as found:
                phase.iterate(1)
            assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("name", FAMILIES)
def test_no_step_waits(name: str) -> None:
    _require_no_wait(ROOT / "recipes" / f"{name}.toml")


@pytest.fixture(scope="module")
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey stand-ins for the files of recipes that have no other data."""
    root, count = tmp_path_factory.mktemp("own"), np.arange(144)
    images = np.zeros((len(count), 64, 64), dtype=np.uint8)
    np.savez(root / "coil20.npz", images=images, angle_deg=count % 72 * 5, object=count // 72)
    np.savez(root / "yaleb_cropped.npz", images=images, identity=count % 4, light_azimuth_deg=count // 4 * 5 - 90)
    (root / "faces").mkdir()
    for number in range(8):
        Image.fromarray(images[number]).save(root / "faces" / f"{number}.png")
    lines = [f"{number}.png,{number % 2},{number // 2 % 2}" for number in range(8)]
    (root / "faces" / "labels.csv").write_text("\n".join(["file,Male,Smiling", *lines]) + "\n")
    shutil.copytree(root / "faces", root / "lfw_attr40")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(ROOT / "recipes").as_posix())
def test_no_step_of_any_recipe_waits(path: Path, own_files: Path) -> None:
    _require_no_wait(path, own_files)


def test_records_and_checkpoints_read_once() -> None:
    with _phases(ROOT / "recipes" / "vae_digits.toml") as [phase]:
        phase.iterate(0)
        with counted_waits() as found:
            phase.check_finite()
    assert sum(found.values()) <= 2, found
