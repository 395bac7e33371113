"""A pass of each step of every shipped recipe on *fake* tensors of a device that isn't there, forward and backward.

They have a shape, a type and a device, and no numbers. What mixes devices fails here, without a card, and so does what
looks at numbers in a step, for which a GPU would be waited. PyTorch's backward pass asks for a card where tensors are
CUDA's, so gradients are computed on "lazy", a device that only compilers use: what matters is that it is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from benchmarks.families import NO_DATA
from semreg.components.pretrained import without_weights
from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting
from semreg.training.step import StepRunner
from semreg.training.trial import OneBatch
from tests.test_recipes import OWN_FILES, RECIPES, recipe_name

CUDA, LAZY = torch.device("cuda", 0), torch.device("lazy", 0)
SOME = ("atnl_mnist", "gm_toy", "mnist/acai", "vae_digits")
"""Recipes that are passed through each time."""
MADE_BY_NUMBERS = {"atnl_flow", "flow", "paths_digits"}
"""Recipes with masks that are made by numbers, so of real tensors."""
REAL_GRADIENTS = {"mixes/atnl_uniform_on_sphere", "priors/sphere"}
"""Whose draws are of a gamma distribution, of which PyTorch has no gradient on fake tensors."""
WANTS_A_CARD = "hasPrimaryContext"
"""In what PyTorch says of gradients of CUDA's tensors where there is no card."""
DRAWS = ("rand", "randn", "randint", "randperm", "multinomial", "normal", "bernoulli", "_standard_gamma")


class Generator:
    """A generator of a device that isn't there."""

    def __init__(self, device: Any = "cpu") -> None:
        self.device = torch.device(device)

    def manual_seed(self, _: int) -> Generator:
        return self

    def get_state(self) -> Tensor:
        return torch.zeros(1, dtype=torch.uint8, device="cpu")


def without_generator(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A random function of PyTorch's that leaves its generator, once it is found to be of the device."""

    def drawn(*args: Any, generator: Any = None, **kwargs: Any) -> Any:
        if isinstance(generator, Generator):
            device = kwargs.get("device") or next((arg.device for arg in args if isinstance(arg, Tensor)), "cpu")
            if torch.device(device).type != generator.device.type:
                raise RuntimeError(f"Expected a '{device}' generator but found '{generator.device}'")
        return draw(*args, **kwargs)

    return drawn


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors that are made within are fake, and may lie on a GPU."""
    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(torch.cuda, "default_generators", (Generator(CUDA),), raising=False)
    for name in DRAWS:
        monkeypatch.setattr(torch, name, without_generator(getattr(torch, name)))
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def moved(module: nn.Module, device: torch.device) -> nn.Module:
    """A module with its parameters and buffers on a device; what it keeps in other places stays."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(parameter.detach().to(device), parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = buffer.to(device)
    return module


def runners(plan: Plan, device: torch.device) -> Iterator[StepRunner]:
    """Every step of every phase, of modules and one batch on a device."""
    with without_weights(), unset_fake_temporarily() if plan.name in MADE_BY_NUMBERS else nullcontext():
        made = build_modules(plan, seed=0)
    modules = {name: moved(module, device) for name, module in made.items()}
    setting = Setting(plan, modules, 0, device, "fp32", capture=False)
    batch = {name: values.to(device) for name, values in synthetic_batch(plan.fields, plan.value_range).items()}
    for phase in plan.phases:
        yield from PhaseRunner(setting, phase, partial(OneBatch, setting, phase, lambda *_: batch), None).steps


def plan_of(path: Path) -> Plan:
    """What the recipe trains, of its fallback if it has one."""
    recipe = load_recipe(path)
    return check(recipe, data_root=Path(NO_DATA), fallback=recipe.has_fallback).trained_part()


@pytest.mark.usefixtures("fake_cuda")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if recipe_name(path) in SOME else pytest.mark.slow, id=recipe_name(path))
        for path in RECIPES
        if recipe_name(path) not in OWN_FILES or load_recipe(path).has_fallback
    ],
)
def test_every_step_passes_on_fake_cuda_tensors(path: Path) -> None:
    plan = plan_of(path)
    for step in runners(plan, CUDA):
        execution = step.next_batch(0)
        for name, loss in step.losses.items():
            try:
                value = loss(execution)
            except UserError as error:
                if WANTS_A_CARD not in str(error):
                    raise
                continue  # a loss of gradients, which come below
            assert (value.dtype, value.device) == (torch.float32, CUDA), name
    if recipe_name(path) in REAL_GRADIENTS:
        return
    for step in runners(plan, LAZY):
        step.execute(0)
        for name in step.step.rows:
            gradients = [parameter.grad for parameter in step.setting.modules[name].parameters()]
            assert {gradient.device for gradient in gradients if gradient is not None} == {LAZY}, name


@pytest.mark.usefixtures("fake_cuda")
def test_a_tensor_on_another_device_is_found() -> None:
    on_cuda = torch.ones(2, device=CUDA)
    with pytest.raises(RuntimeError, match="on the same device"):
        _ = on_cuda + torch.ones(2)
    with pytest.raises(RuntimeError, match="Expected a 'cuda:0' generator"):
        torch.rand(2, device=CUDA, generator=torch.Generator("cpu"))
