"""The roles that shipped recipes say serve: each family samples, encodes, decodes and interpolates, even untrained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.families import FAMILIES
from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.trained.opening import open_data
from semreg.trained.run import Run
from semreg.trained.sampling import sampled_classes
from semreg.training.build import build_modules, synthetic_batch

RECIPES = Path(__file__).parents[2] / "recipes"

CLASSES = {
    "atnl_gm_mnist", "gm_mnist", "gm_semi", "gm_mnist_uniform", "occluded_gm_mnist", "gm_mnist_without_leakage",
    "conditional/cvae", "conditional/cgan", "conditional/cvae_gan", "gm_toy", "toy/cvae_gan",
}  # fmt: skip
"""Families whose samples are of classes."""
UNCLASSED = {"vae_digits", "autoencoders/iwae", "mnist/aae", "mnist/vae_tl", "mnist/vae_tnl"}
"""Those whose samples are of none; all others draw no samples."""
TOLD = {"conditional/cvae", "conditional/cvae_gan", "toy/cvae_gan"}
"""Those whose encoders are told the class of an image."""


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def plan(family: str, tmp_path: Path) -> Plan:
    recipe = load_recipe(RECIPES / f"{family}.toml", FAMILIES[family])
    found = check(recipe, data_root=tmp_path, fallback=recipe.has_fallback)
    if found.missing is not None:
        pytest.skip(f"its data are not here: {found.missing}")
    return found


@pytest.fixture
def run(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run of a family before any training."""
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    modules = build_modules(plan, seed=0)
    for module in modules.values():
        module.eval().requires_grad_(False)
    return Run(tmp_path, plan, modules, lambda: open_data(plan), torch.device("cpu"), 0)


def inputs(run: Run) -> Tensor:
    """Two."""
    values: Tensor = synthetic_batch(run.fields, run.value_range, 2)[run.roles.input]
    return values


def encoded(run: Run, images: Tensor) -> tuple[Tensor, ...]:
    codes = run.encode(images)
    return codes if isinstance(codes, tuple) else (codes,)


def require_outputs(values: Tensor, run: Run, *rows: int) -> None:
    """They are of the shape of what the recipe makes, of so many rows."""
    batch, made = synthetic_batch(run.fields, run.value_range, 1), run.tensor(run.roles.sample or run.roles.output)
    shape = made.given(**{name: batch[name] for name in made.needs()}).shape[1:]
    assert values.shape == (*rows, *shape)
    assert values.isfinite().all()


def test_every_family_says_roles(plan: Plan) -> None:
    assert plan.roles.sample or (plan.roles.input and plan.roles.code)
    assert plan.roles.target == plan.roles.input or plan.roles.target in plan.tensors


def test_samples_are_drawn_of_classes_where_priors_or_decoders_tell_them_apart(run: Run, family: str) -> None:
    if family not in CLASSES | UNCLASSED:
        with pytest.raises(UserError, match="names no prior"):
            run.sample(1)
        return
    field = sampled_classes(run)
    assert (field is not None) == (family in CLASSES)
    require_outputs(run.sample(3), run, 3)
    if field is not None:
        first, last = (run.sample(3, label=name) for name in (field.names[0], field.names[-1]))
        assert not torch.equal(first, last)


def test_images_are_encoded_and_interpolated_unless_a_class_must_be_told(run: Run, family: str) -> None:
    roles = run.roles
    if not (roles.input and roles.code):
        with pytest.raises(UserError, match="names no input and no code"):
            run.encode(torch.rand(2, 1, 16, 16))
        return
    if family in TOLD:
        with pytest.raises(ValueError, match=r"cannot be computed from only .*; also give \['.*'\]"):
            run.encode(inputs(run))
        return
    first, last = (encoded(run, images) for images in inputs(run).split(1))
    assert len(first) == len(roles.code)
    if roles.output:
        low, high = run.value_range
        strip = run.interpolate(*inputs(run).split(1), steps=3)
        require_outputs(strip, run, 1, 3)
        for side, codes in ((0, first), (-1, last)):
            require_outputs(run.decode(*codes), run, 1)
            assert torch.allclose(strip[:, side], run.decode(*codes).clamp(low, high), atol=1e-4)
