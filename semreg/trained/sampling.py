"""New images, drawn from a run's priors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from semreg.core import ClassField, closest, seed_of
from semreg.recipe.plan import Node, Plan, Read, Value
from semreg.trained.classes import class_field, synthesised
from semreg.trained.inputs import EvaluationInputs, evaluation_inputs, first_evaluation_inputs
from semreg.trained.run import BATCH, Run, TensorHandle
from semreg.training.build import synthetic_batch
from semreg.training.program import Execution, Program, evaluating

OF_A_CLASS = ("inception_score", "intra_class_diversity")
"""The evaluations whose `generated` are images drawn for their `label`."""


def sample(run: Run, count: int, *, label: str | int | None = None, seed: int = 0) -> Tensor:
    """Images decoded from draws of the priors, `(count, channels, height, width)`, on the CPU.

    The recipe's evaluations say what is drawn: the `generated` of `inception_score` or `intra_class_diversity`, which
    may be of classes, or the prior, the code and the reconstruction of `prior_samples`.

    Args:
        run: a trained run.
        count: how many, at least 1.
        label: of which class, by its name or number; by default each class in turn.
        seed: of all draws.

    Raises UserError for a run without such an evaluation, ValueError for no images, and for a class that does not
    exist, or of samples that are of none.
    """
    if count < 1:
        raise ValueError(f"count: {count} images can't be drawn; 1 or more can")
    of_classes = _of_classes(run)
    if of_classes is not None:
        field, name = class_field(of_classes.named["label"]), of_classes.named["label"].name
        labels = torch.arange(count) % len(field.names)
        if label is not None:
            labels = torch.full_like(labels, class_number(field, label))
        return _generated(run, of_classes.named["generated"], {name: labels}, count, seed)
    found = first_evaluation_inputs(
        run, *OF_A_CLASS, "prior_samples", says="what a sample is", recipe="recipes/vae_digits.toml"
    )
    if label is not None:
        raise ValueError("the samples of this run are of no class; recipes/gm_mnist.toml draws them by class")
    if found.component in OF_A_CLASS:
        return _generated(run, found.named["generated"], {}, count, seed)
    prior, code, reconstruction = (found.named[name] for name in ("prior", "code", "reconstruction"))
    codes = prior.sample(count, generator=torch.Generator().manual_seed(seed_of(seed, "sample")))
    return synthesised(reconstruction, {code.name: codes})


def sampled_classes(run: Run) -> ClassField | None:
    """The classes that samples are drawn for, if they are. Raises ValueError if their label is no field of classes."""
    found = _of_classes(run)
    return None if found is None else class_field(found.named["label"])


def _of_classes(run: Run) -> EvaluationInputs | None:
    """The first evaluation of images that are drawn for a label."""
    return next((found for found in evaluation_inputs(run, *OF_A_CLASS) if "label" in found.named), None)


def class_number(field: ClassField, label: str | int) -> int:
    """The number of a class, from 0, by its name, or else by that number. Raises ValueError if there is no such class.

    Of classes with numbers for names, a text is a name and an `int` a number.
    """
    if label in field.names:
        return field.names.index(str(label))
    if str(label).isdecimal() and int(label) < len(field.names):
        return int(label)
    raise ValueError(f"there is no class {label!r}{closest(str(label), field.names)}")


def _generated(run: Run, generated: TensorHandle, given: Mapping[str, Tensor], count: int, seed: int) -> Tensor:
    """The values of a tensor that is drawn from priors, and otherwise of the given fields alone."""
    missing = sorted(_contents(run.plan, Read(generated.name)) - given.keys())
    if missing:
        raise ValueError(f"{generated.name!r} is computed from {missing} of the data, so it can't be drawn anew")
    program = Program(run.plan, run.modules, key=(seed, "sample"), training=False, device=run.device)
    low, high = run.value_range
    parts = []
    for index, start in enumerate(range(0, count, BATCH)):
        rows = min(BATCH, count - start)
        fields = synthetic_batch(run.fields, run.value_range, rows)  # for what is asked for its shape alone
        fields |= {name: values[start : start + rows] for name, values in given.items()}
        batch = {name: values.to(run.device) for name, values in fields.items()}
        with evaluating(run.modules):
            parts.append(program.value(generated.name, Execution(batch, index)).float().cpu())
    return torch.cat(parts).clamp(low, high)


def _contents(plan: Plan, value: Value) -> set[str]:
    """The fields of the data whose values a value depends on: an input `like` lends its shape alone."""
    found: set[str] = set()
    pending: list[Value] = [value]
    seen: set[str] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, Node):
            pending += _content_inputs(one)
        elif one.name in plan.tensors and one.name not in seen:
            seen.add(one.name)
            pending.append(plan.tensors[one.name])
        elif one.name in plan.fields:
            found.add(one.name)
    return found


def _content_inputs(call: Node) -> list[Value]:
    if call.component is None:
        return list(call.inputs)
    names = [parameter.name for parameter in call.component.signature.inputs()]
    return [part for place, part in enumerate(call.inputs) if names[place : place + 1] != ["like"]]
