"""Which tensors and modules of a run an evaluation was given: what a command reads to know which code is which."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semreg.core import UserError
from semreg.recipe.options import FILLED_BY_ENGINE
from semreg.recipe.plan import EvaluationPlan, reads_in
from semreg.trained.run import Run


@dataclass(frozen=True)
class EvaluationInputs:
    """One evaluation of a run's recipe: what `[evaluate.NAME]` says of it.

    `inputs` are the handles and modules in the order of `use = "component(...)"`; `named` the same by the parameters of
    the component, a tuple for `*parameter`; `options` the keys beside `use`, and the defaults of those left out.
    """

    name: str
    component: str
    inputs: tuple[Any, ...]
    named: Mapping[str, Any]
    options: Mapping[str, Any]


def evaluation_inputs(run: Run, *components: str) -> list[EvaluationInputs]:
    """The recipe's evaluations by these components, by the first of them first, then as in the recipe; or all."""
    found = [_inputs(run, plan) for plan in run.plan.evaluations.values()]
    if not components:
        return found
    chosen = [inputs for inputs in found if inputs.component in components]
    return sorted(chosen, key=lambda inputs: components.index(inputs.component))


def first_evaluation_inputs(run: Run, *components: str, says: str, recipe: str) -> EvaluationInputs:
    """The first of the `evaluation_inputs`.

    `says` completes "which says …", and `recipe` is one in the repository that has such an evaluation: both for the
    message of the UserError that is raised if this run has none.
    """
    found = evaluation_inputs(run, *components)
    if not found:
        raise UserError(
            str(run.folder),
            f"this run has no evaluation {' or '.join(components)}, which says {says}; {recipe} has one",
        )
    return found[0]


def inputs_of(run: Run, plan: EvaluationPlan) -> tuple[Any, ...]:
    """The modules and handles that an evaluation is given."""
    return tuple(run.modules[read] if read in run.modules else run.tensor(read) for read in reads_in(plan.node))


def _inputs(run: Run, plan: EvaluationPlan) -> EvaluationInputs:
    signature, inputs = inspect.signature(plan.node.loaded.value), inputs_of(run, plan)
    defaults = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
        and parameter.default is not parameter.empty
        and name not in FILLED_BY_ENGINE
    }
    named = signature.bind_partial(*inputs).arguments
    return EvaluationInputs(plan.name, plan.node.name, inputs, named, defaults | dict(plan.node.options))
