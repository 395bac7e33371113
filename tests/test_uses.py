"""A trained run serves every command that has a meaning for it from its folder alone: moved, and without its data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image

import semreg
from benchmarks.families import FAMILIES
from semreg.core import ClassField, UserError
from semreg.recipe.load import Recipe, load_recipe
from semreg.trained import opening
from semreg.trained.run import Run

Command = Callable[..., tuple[int, str]]

RECIPES = Path(__file__).parent.parent / "recipes"

POINTS = {"gm_toy", "toy/cvae_gan"}
"""Their inputs are no images."""
TOLD = {"conditional/cvae", "conditional/cvae_gan", "toy/cvae_gan"}
"""Their encoders are told the class of an image."""
SAMPLE = {
    "vae_digits", "autoencoders/iwae", "mnist/aae", "mnist/vae_tl", "mnist/vae_tnl", "atnl_gm_mnist", "gm_mnist",
    "gm_semi", "gm_mnist_uniform", "occluded_gm_mnist", "gm_mnist_without_leakage", "conditional/cvae",
    "conditional/cgan", "conditional/cvae_gan",
}  # fmt: skip
"""Their priors draw samples."""
UNCLASSED = {"vae_digits", "autoencoders/iwae", "mnist/aae", "mnist/vae_tl", "mnist/vae_tnl"}
"""Samples of these are of no class."""
NOT_ENCODED = POINTS | TOLD | {"conditional/cgan"}
NOT_DECODED = {"uniform_ablation"}
NO_CLASSES = {"vae_digits", "autoencoders/iwae", "quantized/residual", "olr_celeba"}
"""No code of theirs is of an attribute with classes."""
BETWEEN = {
    "atnl_mnist", "atnl_poses", "few_shot_mnist", "mnist/ae", "mnist/aae", "mnist/acai", "mnist/vae_tl",
    "mnist/vae_tnl",
}  # fmt: skip
"""Their new images lie between training images."""
ASKED_FOR = "the data were asked for"


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def run(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A trained run of a family, with no evaluation, elsewhere than it was trained; its data can't be opened."""

    def refused(*_: Any, **__: Any) -> NoReturn:
        raise UserError("", ASKED_FOR)

    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    trained = semreg.run(unevaluated(family), out=tmp_path / "runs", device="cpu", data_root=tmp_path / "nothing")
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(trained.folder, moved)
    monkeypatch.setattr(opening, "open_data", refused)
    return semreg.open_run(moved, device="cpu")


def unevaluated(family: str) -> Recipe:
    changes = [change for change in FAMILIES[family] if "evaluate." not in change]
    recipe = load_recipe(RECIPES / f"{family}.toml", changes)
    table = {key: value for key, value in recipe.table.items() if key != "evaluate"}
    if "fallback" in table:
        table["fallback"] = {key: value for key, value in table["fallback"].items() if key != "evaluate"}
    return replace(recipe, table=table)


@pytest.mark.slow
def test_every_command_works_or_says_what_the_run_lacks(
    run: Run, family: str, tmp_path: Path, refused_or_done: Command
) -> None:
    a, b = _images(tmp_path / "images")
    decoded = family not in NOT_ENCODED | NOT_DECODED
    attributes = ",".join(run.roles.attributes)
    uses: dict[str, tuple[bool, list[Any]]] = {
        "embed": (family not in NOT_ENCODED, [a.parent, "--out", "codes.npz"]),
        "interpolate": (decoded, [a, b, "--steps", 3]),
        "sample": (family in SAMPLE, ["--count", 4]),
        "augment": (family in SAMPLE - UNCLASSED, ["--class", _label(run), "--count", 2, "--out", "more"]),
        "edit": (family == "olr_celeba", [a, "--add", "Smiling"]),
        "transfer": (decoded and family not in NO_CLASSES, [a, "--from", b, "--attributes", attributes or "identity"]),
        "inpaint": (decoded, [a, "--mask", "right-half"]),
    }
    said = {name: refused_or_done(name, run.folder, *options, "--device", "cpu") for name, (_, options) in uses.items()}
    codes = {name: code for name, (code, _) in said.items()}
    assert codes == {name: 0 if works else 2 for name, (works, _) in uses.items()}, said
    assert [name for name, (_, text) in said.items() if ASKED_FOR in text] == ["augment"] * (family in BETWEEN)
    assert refused_or_done("report", run.folder)[0] == 0


def _label(run: Run) -> str:
    """A class of the attribute that its codes are of, or else of any."""
    fields = {name: field for name, field in run.fields.items() if isinstance(field, ClassField)}
    chosen = [fields[name] for name in (*run.roles.attributes, *fields) if name in fields]
    return chosen[0].names[0] if chosen else "0"


def _images(folder: Path) -> list[Path]:
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (2, 40, 30, 3), np.uint8)
    paths = [folder / "a.png", folder / "b.jpg"]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths
