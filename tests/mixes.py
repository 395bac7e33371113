"""Random mixes of prior, losses and interpolator, drawn from what the registry holds and wired by roles."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from semreg.core import Role, UserError
from semreg.core.options import Signature, signature_of
from semreg.core.registry import THIS_PROCESS, Component, components, find, load
from semreg.data.datasets.digits import Digits
from semreg.recipe.check import check
from semreg.recipe.inputs import roles_of
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.tables.mixing.additions import additions_of
from semreg.tables.mixing.carrier import class_carrier
from semreg.tables.mixing.composing import Mix
from semreg.trained.paths import interpolator
from semreg.training.trial import check_by_dry_run
from tests.training.bench import Bench

CODE = 8
ROWS = 64
STEPS = 3
PSEUDO = "pseudo"
"""The posterior of a prior's own inputs."""
MOST_LOSSES = 3
"""Beside the reconstruction, one of them of the prior."""

RECIPE = f"""
[data]
use = "digits"
batch_size = {ROWS}

[model]
input = "image"
code = ["z"]
output = "reconstruction"
prior = {{ z = "prior" }}
posterior = {{ z = "posterior" }}
attributes = {{ digit = "z" }}

[modules.encoder]
use = "mlp_encoder"
outputs = {2 * CODE}
hidden = [16]

[modules.decoder]
use = "mlp_decoder"
hidden = [16]
channels = "@image.channels"
size = "@image.size"

[tensors]
posterior = "diagonal_gaussian(encoder(image))"
z = "sample(posterior)"
reconstruction = "decoder(z)"

[losses.rec]
use = "l2(reconstruction, image)"

[optimizer]
use = "adam"
lr = 1e-3

[phases.main]
epochs = 1

[phases.main.train]
encoder = {{ rec = 1 }}
decoder = {{ rec = 1 }}
"""


@dataclass(frozen=True)
class Drawn:
    """What is mixed, by names."""

    prior: str
    losses: tuple[str, ...]
    interpolator: str


class Skipped(Exception):  # noqa: N818  a finding rather than a failure
    """A mix that can't be, in the words of what refuses it."""


def drawn(count: int, folder: Path, seed: int = 0) -> Iterator[Drawn]:
    """So many mixes, always the same of one registry, each with another prior, losses and interpolator at random."""
    draw = random.Random(seed)
    wired = wirable(folder)
    of_prior = [name for name in wired if Role.PRIOR in roles_asked("loss", name)]
    others = [name for name in wired if name not in of_prior]
    paths = [one.name for one in installed("interpolator")]
    for _ in range(count):
        prior = draw.choice(trainable())
        further = draw.sample(others, draw.randrange(MOST_LOSSES))
        own = draw.choice([name for name in of_prior if takes("loss", name, prior)])
        yield Drawn(prior, (own, *further), draw.choice([n for n in paths if takes("interpolator", n, prior)]))


def installed(kind: str) -> list[Component]:
    """The components of a kind, but for those that a test registers."""
    return [one for one in components(kind) if one.distribution != THIS_PROCESS]


def trainable() -> list[str]:
    """The priors that losses are of: not those that are fitted after training."""
    return [one.name for one in installed("prior") if not hasattr(load(one), "fit")]


def has_inputs(prior: str) -> bool:
    """Whether a prior has inputs of its own, which the encoder is to encode, as the VampPrior's."""
    return "input_shapes" in _parameters("prior", prior).parameters


def takes(kind: str, name: str, prior: str) -> bool:
    """Whether a loss or an interpolator takes a prior of its type, a class or a Protocol, where it says one."""
    signature, made = _parameters(kind, name), load(find(prior, ("prior",)))
    wanted = [
        get_args(signature.types[key])[0] for key in signature.parameters if Role.PRIOR in roles_of(signature, key)
    ]
    handed_on = kind != "loss" or signature.spreads() or not has_inputs(prior)
    return handed_on and all(one is Any or issubclass(made, one) for one in wanted)


def wirable(folder: Path) -> list[str]:
    """The losses that the roles of the recipe wire, with no option to be given."""
    plan = check(load_recipe(recipe(folder, "standard_normal")))
    carrier = class_carrier(plan)
    found = []
    for one in installed("loss"):
        try:
            additions_of([f"losses.{one.name}"], plan, carrier)
        except UserError:
            continue
        found.append(one.name)
    return found


def roles_asked(kind: str, name: str) -> frozenset[Role]:
    """The roles that parameters of a component are annotated with."""
    signature = _parameters(kind, name)
    return frozenset(role for parameter in signature.parameters for role in roles_of(signature, parameter))


@lru_cache
def _parameters(kind: str, name: str) -> Signature:
    return signature_of(load(find(name, (kind,))))


def recipe(folder: Path, prior: str, path: str = "linear") -> Path:
    """The recipe with a prior, whose size and classes are said where it asks for them."""
    asked = _parameters("prior", prior).parameters
    options = {"size": str(CODE), "classes": '"@digit.classes"'}
    told = "\n".join(f"{key} = {value}" for key, value in options.items() if key in asked)
    file = folder / f"{prior}-{path}.toml"
    text = RECIPE.replace("attributes =", f'interpolator = "{path}"\nattributes =')
    if has_inputs(prior):
        text = text.replace("[tensors]", f'[tensors]\n{PSEUDO} = "diagonal_gaussian(encoder(prior(image)))"')
    file.write_text(f'{text}\n[modules.prior]\nuse = "{prior}"\n{told}\n')
    return file


def train(mix: Drawn, folder: Path) -> Mapping[str, float]:
    """The mean losses of a few steps on digits, once the recipe is checked as `semreg check` does it.

    Raises Skipped where that, or the interpolator, refuses the mix, and AssertionError where a loss is not finite, no
    gradient moves the encoder, or the path between its codes isn't finite.
    """
    try:
        file = recipe(folder, mix.prior, mix.interpolator)
        plan = check(load_recipe(file))
        additions = additions_of([_said(name, plan, mix.prior) for name in mix.losses], plan, class_carrier(plan))
        written = folder / "mix.toml"
        written.write_text(Mix(file, tuple(additions)).text(folder))
        bench = Bench(written, make=batch)
        check_by_dry_run(bench.plan)
    except UserError as error:
        raise Skipped(error.text()) from error
    before = bench.weights()
    for iteration in range(STEPS):
        bench.runner.iterate(iteration)
    losses = bench.runner.losses()
    assert {"rec", *mix.losses} <= losses.keys()
    assert all(torch.tensor(value).isfinite() for value in losses.values()), losses
    assert {"encoder", "decoder"} <= bench.moved(before)
    assert all(value.isfinite().all() for table in bench.weights().values() for value in table.values())
    _walk(mix, bench.modules)
    return losses


def _said(loss: str, plan: Plan, prior: str) -> str:
    """The loss as `--with` takes it: one that hands on to the prior what it depends on is given that."""
    text = f"losses.{loss}"
    hands_on = Role.PRIOR in roles_asked("loss", loss) and _parameters("loss", loss).spreads()
    of_classes = Role.CLASSES in roles_asked("prior", prior) or "classes" in _parameters("prior", prior).parameters
    given = PSEUDO if has_inputs(prior) else "digit" if of_classes else None
    if not hands_on or given is None:
        return text
    [addition] = additions_of([text], plan, class_carrier(plan))
    call = addition.table["losses"][loss]["use"]
    return f"losses.{call.removesuffix(')')}, {given})"


def _walk(mix: Drawn, modules: Mapping[str, Any]) -> None:
    data = batch(0, rows=200)
    with torch.no_grad():
        codes = modules["encoder"].eval()(data["image"])[:, :CODE]
        try:
            path = interpolator(mix.interpolator, {}, codes, data["digit"], "ring", prior=modules["prior"].eval())
        except ValueError as error:
            raise Skipped(str(error)) from error
        found = path(codes[:5], codes[5:10], torch.linspace(0, 1, 4).view(4, 1, 1))
    assert found.shape == (4, 5, CODE)
    assert found.isfinite().all()


def batch(count: int, rows: int = ROWS) -> dict[str, Tensor]:
    """Digits and their classes, other ones for each number."""
    images, labels = _digits()
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(count))[:rows]
    return {"image": images[chosen], "digit": labels[chosen]}


@lru_cache
def _digits() -> tuple[Tensor, Tensor]:
    source = Digits().source()
    assert source.images is not None
    pixels = source.images(range(len(source.split)))
    return torch.from_numpy(pixels).float() / 255, torch.from_numpy(source.labels["digit"])


def told(skipped: Sequence[tuple[Drawn, str]]) -> str:
    """Which mixes were skipped, and why, as lines."""
    return "\n".join(f"{mix}: {why}" for mix, why in skipped)
