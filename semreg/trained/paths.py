"""Interpolators by name, as evaluations use them, and strips of codes between two images' codes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from einops import rearrange, repeat
from pydantic import AfterValidator
from torch import Tensor, nn

from semreg.core import Handle, Interpolator, Order, Role
from semreg.core.options import FILLED_BY_ENGINE, check_options
from semreg.recipe.component_errors import shown
from semreg.recipe.inputs import LINES, priors_asked
from semreg.recipe.plan import Loaded
from semreg.recipe.process_state import process_state_kept
from semreg.recipe.resolve import loaded

INPUTS = 3
"""The two codes and the weight."""


def _known(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    _component(*parts_of(choice))
    return choice


InterpolatorChoice = Annotated[str | dict[str, Any], AfterValidator(_known)]
"""An interpolator as an option: its name, or a table with its name as `use` and its options."""


def interpolator(
    name: str, options: Mapping[str, Any], codes: Tensor, labels: Tensor, order: Order, *, prior: Any = None
) -> Interpolator:
    """Return the interpolator of that name, made with its options; one with a method `fit` is fitted on training codes.

    Args:
        name: as registered.
        options: the keyword arguments of the function, or of the class's constructor.
        codes: training codes, `(rows, code)`.
        labels: their classes, int64 `(rows,)`.
        order: how the classes neighbour each other.
        prior: of the codes, for one that goes through it.

    Raises ValueError if there is no such interpolator, or its options do not fit.
    """
    made = unfitted(name, options, prior)
    if hasattr(made, "fit"):
        made.fit(codes, labels, order)
    return made


def unfitted(name: str, options: Mapping[str, Any], prior: Any = None) -> Interpolator:
    """Return the interpolator of that name, made with its options; one with a method `fit` must still be fitted.

    Raises ValueError if there is no such interpolator, its options do not fit, or it needs the codes' `prior` and none
    is given.
    """
    found = _component(name, options)
    asked = dict.fromkeys(priors_asked(found.signature), prior)
    if asked and prior is None:
        raise ValueError(f"{name} needs the prior of the code; [model] names it by `{LINES[Role.PRIOR]}`")
    if not inspect.isclass(found.value):
        return functools.partial(found.value, **options, **asked)
    with process_state_kept():
        made: Any = found.value(**options, **asked)
    return made  # type: ignore[no-any-return]


def needs_prior(name: str, options: Mapping[str, Any]) -> bool:
    """Return whether the interpolator goes through the prior of its codes. Raises ValueError as `unfitted` does."""
    return bool(priors_asked(_component(name, options).signature))


def prior_of(code: Handle) -> nn.Module | None:
    """Return the prior that `[model]` gives a code, if any."""
    name = code.run.roles.prior.get(code.name)
    return None if name is None else code.run.module(name)


def chosen_interpolators(
    choices: Sequence[str | dict[str, Any]], codes: Tensor, labels: Tensor, order: Order, *, prior: Any = None
) -> dict[str, Interpolator]:
    """Return several interpolators by name, as `interpolator` does. Raises ValueError for a repeated name, or none."""
    made: dict[str, Interpolator] = {}
    for choice in choices:
        name, options = parts_of(choice)
        if name in made:
            raise ValueError(f"interpolators: {name!r} is named twice")
        made[name] = interpolator(name, options, codes, labels, order, prior=prior)
    if not made:
        raise ValueError("interpolators: at least one is needed")
    return made


def strips(path: Interpolator, a: Tensor, b: Tensor, images: int) -> Tensor:
    """Return codes `(pairs, images, code)` evenly spaced from `a` to `b` `(pairs, code)`, endpoints included."""
    starts, ends = (repeat(codes, "pairs code -> (pairs images) code", images=images) for codes in (a, b))
    weights = repeat(torch.linspace(0, 1, images), "images -> (pairs images) 1", pairs=len(a))
    return rearrange(path(starts, ends, weights), "(pairs images) code -> pairs images code", images=images)


def parts_of(choice: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of an interpolator. Raises ValueError if it has no name."""
    if isinstance(choice, str):
        return choice, {}
    name = choice.get("use")
    if not isinstance(name, str):
        raise ValueError(f"an interpolator is named by 'use'; found {choice}")
    return name, {key: value for key, value in choice.items() if key != "use"}


def _component(name: str, options: Mapping[str, Any]) -> Loaded:
    """Return the component of that name. Raises ValueError if there is none, or the options do not fit it."""
    found = loaded(name, ["interpolator"])
    if isinstance(found, str):
        raise ValueError(found)
    inputs = 0 if inspect.isclass(found.value) else INPUTS
    filled = FILLED_BY_ENGINE.union(priors_asked(found.signature))
    problems = check_options(found.signature, options, inputs=inputs, where=name, name=shown(found), ignore=filled)
    if problems:
        raise ValueError("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
    return found
