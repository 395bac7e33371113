"""A process that evaluates a run on a card that it pretends to have: `python tests/pretended_card.py RECIPE FOLDER`.

It trains a shrunk recipe on the CPU and evaluates it with tensors that say that they are on `cuda:0`, hold their
numbers on the CPU, and refuse to meet tensors of the CPU, as those of a card do. Whatever is made on the wrong device
fails, and all figures are those of the CPU. It is a process of its own, since it replaces what PyTorch asks CUDA's
driver for. Gradients can't be computed there.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

import semreg
from benchmarks.families import FAMILIES, NO_DATA
from semreg.running import evaluations
from semreg.trained import run as trained

CARD, CPU = torch.device("cuda", 0), torch.device("cpu")
aten = torch.ops.aten
TAKES_ROWS_OF_THE_CPU = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}


class OnCard(torch.Tensor):
    """A tensor of the card, by the numbers of one of the CPU."""

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> OnCard:
        return torch.Tensor._make_wrapper_subclass(
            cls, numbers.size(), strides=numbers.stride(), storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype, layout=numbers.layout, device=CARD,
        )  # fmt: skip

    def __init__(self, numbers: torch.Tensor) -> None:
        self.numbers = numbers

    def tolist(self) -> Any:
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return call(function, arguments, options or {})


class Card(TorchDispatchMode):
    """Inside, tensors are made on the card where its device is given."""

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return call(function, arguments, options or {})


def call(function: Any, arguments: Any, options: dict[str, Any]) -> Any:
    """Do an operation on numbers of the CPU, for tensors that are all on one device."""
    tensors = [value for value in tree_flatten((arguments, options))[0] if isinstance(value, torch.Tensor)]
    on_card = any(isinstance(tensor, OnCard) for tensor in tensors)
    device = options.get("device") or (CARD if on_card else CPU)
    given, chosen = tree_map(_numbers, arguments), tree_map(_numbers, options)
    chosen.pop("pin_memory", None)
    if function is aten._to_copy.default:
        made = function(*given, **chosen | {"device": CPU, "non_blocking": False})
        return OnCard(made) if device.type == "cuda" else made
    moves = function is aten.copy_.default or (function in TAKES_ROWS_OF_THE_CPU and isinstance(arguments[0], OnCard))
    if on_card and not moves and any(tensor.ndim and not isinstance(tensor, OnCard) for tensor in tensors):
        raise RuntimeError(f"{function} was given tensors of two devices")
    made = function(*given, **chosen)
    if not isinstance(made, torch.Tensor | list | tuple) or device.type != "cuda":
        return made
    written = [one.name for one in function._schema.arguments if one.alias_info is not None and one.alias_info.is_write]
    if written and len(function._schema.returns) == len(written):  # in place: it is the tensor that was given
        named = dict(zip((one.name for one in function._schema.arguments), arguments, strict=False)) | options
        return named[written[0]] if len(written) == 1 else tuple(named[name] for name in written)
    return tree_map(lambda value: OnCard(value) if isinstance(value, torch.Tensor) else value, made)


def _numbers(value: Any) -> Any:
    if isinstance(value, torch.device):
        return CPU
    return value.numbers if isinstance(value, OnCard) else value


class Generator(torch.Generator):
    """A generator that draws on the CPU, and says where it was made for."""

    def __new__(cls, device: torch.device | str = "cpu") -> Generator:
        made = super().__new__(cls, "cpu")
        made.on = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.on


def _drawing(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A function that draws, and wants a generator of the device that it draws on."""

    def drawn(*arguments: Any, **options: Any) -> Any:
        found = [value.device for value in arguments if isinstance(value, torch.Tensor)]
        device = torch.device(options.get("device") or (found or [CPU])[0])
        generator = options.get("generator")
        if generator is not None and generator.device.type != device.type:
            raise RuntimeError(f"{draw.__name__} on {device} was given a generator of {generator.device}")
        return draw(*arguments, **options)

    return drawn


def _moved(make: Callable[..., Any]) -> Callable[..., Any]:
    """A function that PyTorch lets make a tensor on a device before it asks a mode."""
    return lambda *arguments, device=None, **options: make(*arguments, **options).to(device or CPU)


def pretend() -> None:
    """Let runs that are opened from now on compute on the card."""
    torch._C._ensureCUDADeviceGuardSet()
    torch.cuda._lazy_init = lambda: None
    torch.backends.cudnn.enabled = False
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    for name in ("rand", "randn", "randint", "randperm", "normal", "multinomial", "bernoulli"):
        setattr(torch, name, _drawing(getattr(torch, name)))
    for name in ("tensor", "as_tensor", "triu_indices"):
        setattr(torch, name, _moved(getattr(torch, name)))
    torch.Generator = Generator
    opened, in_order = trained.Run.__init__, trained.sequential

    def on_card(self: Any, folder: Any, plan: Any, modules: Any, data: Any, device: Any, *rest: Any) -> None:
        opened(self, folder, plan, {name: module.to(CARD) for name, module in modules.items()}, data, CARD, *rest)

    def sequential(*arguments: Any, device: torch.device, **options: Any) -> Iterator[dict[str, Any]]:
        for batch in in_order(*arguments, device="cpu", **options):
            yield {name: value.clone().to(device) for name, value in batch.items()}

    trained.Run.__init__, trained.sequential = on_card, sequential


def figures(results: Any) -> dict[str, dict[str, float]]:
    return {name: result.figures for name, result in results.items()}


def main(recipe: str, folder: Path, *overrides: str) -> None:
    """Compare the figures of a recipe on the CPU with those on the card. Raises what an evaluation raises there."""

    def raised(plan: Any, error: BaseException) -> str:
        traceback.print_exception(error)
        raise SystemExit(f"{plan.name} fails on a card")

    choices: dict[str, Any] = {"device": "cpu", "data_root": folder / NO_DATA}
    run = semreg.run(recipe, overrides=[*FAMILIES[recipe], *overrides], out=folder, **choices)
    before = figures(run.results)
    evaluations._cause = raised
    with torch.no_grad():
        drawn = run.sample(3) if run.roles.prior else None
    pretend()
    with Card():
        after = figures(semreg.evaluate(run.folder, **choices))
        opened = semreg.open_run(run.folder, **choices)
        if drawn is not None:
            assert torch.allclose(opened.sample(3), drawn)
    assert before.keys() == after.keys()
    for name, found in before.items():
        for figure, value in found.items():
            torch.testing.assert_close(after[name][figure], value, equal_nan=True, msg=f"{name}.{figure}")
    print(f"{len(before)} evaluations")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
