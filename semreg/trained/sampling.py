"""New images, drawn from a run's priors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from semreg.core import ClassField, Prior, closest
from semreg.recipe.plan import Read
from semreg.recipe.roles import contents
from semreg.trained.classes import synthesised
from semreg.trained.draws import drawn_by
from semreg.trained.roles import labels_of, need
from semreg.trained.rows import BATCH
from semreg.trained.run import Run, TensorHandle
from semreg.training.build import synthetic_batch
from semreg.training.program import Program, evaluating


def sample(run: Run, count: int, *, label: str | int | None = None, seed: int = 0) -> Tensor:
    """Return images decoded from draws of the priors, `(count, channels, height, width)`, on the CPU.

    They are the sample in the recipe's `[model]`, or else its output for codes drawn from their priors. Priors and
    decoders that depend on a class receive the label.

    Args:
        run: a trained run.
        count: how many, at least 1.
        label: the class, by its name or number; by default each class in turn.
        seed: of all draws.

    Raises UserError for a run whose `[model]` has neither, ValueError for no images, for a class that does not exist,
    and for a class of samples without classes.
    """
    if count < 1:
        raise ValueError(f"count: {count} images can't be drawn; 1 or more can")
    told = label_of_samples(run)
    given: dict[str, Tensor] = {}
    if told is not None:
        name, field = told
        given[name] = torch.arange(count) % len(field.names)
        if label is not None:
            given[name] = torch.full((count,), class_number(field, label))
    elif label is not None:
        raise ValueError(
            "the samples of this run are of no class; they are of one where a label is among the `attributes` of "
            "[model] and the prior of its code tells classes apart, as in recipes/gm_mnist.toml"
        )
    if run.roles.sample:
        return _generated(run, run.tensor(run.roles.sample), given, count, seed)
    return _decoded(run, given, count, seed)


def sampled_classes(run: Run) -> ClassField | None:
    """Return the classes of samples, if they have any. Raises as `sample` does."""
    told = label_of_samples(run)
    return None if told is None else told[1]


def label_of_samples(run: Run) -> tuple[str, ClassField] | None:
    """Return the field of classes that samples depend on, and its classes; None if they don't depend on classes.

    Raises UserError for a run whose `[model]` has neither a sample nor priors, ValueError if samples depend on more
    than the classes of one field.
    """
    if run.roles.sample:
        wanted = contents(run.plan.tensors, run.fields, Read(run.roles.sample))
        drawn = run.roles.sample
    else:
        roles = need(run, "prior", "output")
        wanted, drawn = run.tensor(roles.output).needs(*roles.prior), roles.output
        classes = labels_of(run, ClassField)
        for code, prior in roles.prior.items():
            for label in (label for label, own in classes.items() if own == code):
                if _tells_apart(run.module(prior), run.fields[label], run.device):  # type: ignore[arg-type]
                    wanted.add(label)
    fields = {name: field for name in sorted(wanted) if isinstance(field := run.fields[name], ClassField)}
    others = sorted(wanted - fields.keys())
    if others:
        without = [] if run.roles.sample else [code for code in run.roles.code if code not in run.roles.prior]
        reason = f"; its [model] names no prior of {', '.join(without)}" if without else ""
        raise ValueError(f"{drawn!r} is computed from {others} of the data, so it can't be drawn from priors{reason}")
    if len(fields) > 1:
        raise ValueError(f"{drawn!r} depends on several labels, {', '.join(fields)}; one can be chosen here")
    told = next(iter(fields.items()), None)
    if told is not None and run.roles.sample and not _differ(run, *told):
        return None  # for example if the prior ignores its label
    return told


def class_number(field: ClassField, label: str | int) -> int:
    """Return the number of a class, from 0, by its name, or else by that number. Raises ValueError if it does not
    exist.

    If classes have numbers as names, a text is a name and an `int` a number.
    """
    if label in field.names:
        return field.names.index(str(label))
    if str(label).isdecimal() and int(label) < len(field.names):
        return int(label)
    raise ValueError(f"there is no class {label!r}{closest(str(label), field.names)}")


def _tells_apart(prior: Prior, field: ClassField, device: torch.device) -> bool:
    """Return whether a prior draws other codes for another class."""
    draws = [
        prior.sample(1, torch.tensor([value], device=device), generator=torch.Generator().manual_seed(0))
        for value in (0, len(field.names) - 1)
    ]
    return not torch.equal(*draws)


def _differ(run: Run, name: str, field: ClassField) -> bool:
    """Return whether the run's samples of the first class differ from those of the last, for the same draws."""
    generated = run.tensor(run.roles.sample)
    return not torch.equal(
        *(_generated(run, generated, {name: torch.tensor([value])}, 1, 0) for value in (0, len(field.names) - 1))
    )


def _decoded(run: Run, given: Mapping[str, Tensor], count: int, seed: int) -> Tensor:
    """Return the output for codes that are drawn from their priors."""
    roles, generator = run.roles, drawn_by(seed, "sample")
    codes = {}
    for code, prior in roles.prior.items():
        own = [label for label, of in roles.attributes.items() if of == code and label in given]
        labels = [given[label].to(run.device) for label in own]
        with torch.no_grad():
            codes[code] = run.module(prior).sample(count, *labels, generator=generator)  # type: ignore[operator]
    output = run.tensor(roles.output)
    needed = output.needs(*codes)
    return synthesised(output, {**codes, **{name: labels for name, labels in given.items() if name in needed}})


def _generated(run: Run, generated: TensorHandle, given: Mapping[str, Tensor], count: int, seed: int) -> Tensor:
    """Return the values of a tensor that depends only on draws from priors and on the given fields."""
    program = Program(run.plan, run.modules, key=(seed, "sample"), training=False, device=run.device)
    low, high = run.value_range
    parts = []
    for index, start in enumerate(range(0, count, BATCH)):
        rows = min(BATCH, count - start)
        fields = synthetic_batch(run.fields, run.value_range, rows)  # for tensors of which only the shape is needed
        fields |= {name: values[start : start + rows] for name, values in given.items()}
        batch = {name: values.to(run.device) for name, values in fields.items()}
        with evaluating(run.modules):
            parts.append(program.value(generated.name, program.execution(batch, index)).float().cpu())
    return torch.cat(parts).clamp(low, high)
