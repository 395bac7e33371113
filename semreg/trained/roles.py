"""The roles in a recipe's `[model]`: uses of a trained run depend only on them."""

from __future__ import annotations

from semreg.core import AttributesField, ClassField, Roles, TrainedRun, UserError
from semreg.recipe.inputs import LINES

MEANS = "with the recipe's own names, and `semreg run` it again, which trains nothing"


def need(run: TrainedRun, *keys: str) -> Roles:
    """Return the roles of a run if it has all these keys. Raises UserError with the missing lines if not."""
    missing = [key for key in keys if not getattr(run.roles, key)]
    if missing:
        by_key = {line.partition(" ")[0]: line for line in reversed(LINES.values())}
        lines = " and ".join(f"`{by_key[key]}`" for key in missing)
        said = f"the [model] of its recipe names no {' and no '.join(missing)}"
        raise UserError(str(run.folder), f"{said}; add {lines}, {MEANS}")
    return run.roles


def labels_of(run: TrainedRun, kind: type[ClassField] | type[AttributesField]) -> dict[str, str]:
    """Return the labels of one kind among the attributes of `[model]`, and the code of each."""
    return {label: code for label, code in run.roles.attributes.items() if isinstance(run.fields[label], kind)}


def only_attribute(run: TrainedRun, kind: type[ClassField] | type[AttributesField]) -> tuple[str, str]:
    """Return the only label of one kind among the attributes of `[model]`, and its code.

    Raises UserError if there is none, or several.
    """
    found = labels_of(run, kind)
    if len(found) == 1:
        return next(iter(found.items()))
    what = "of classes" if kind is ClassField else "of binary labels"
    said = f"several fields {what}, {', '.join(found)}" if found else f"no field {what} and its code"
    advice = "exactly one is needed here" if found else f'add `attributes = {{ label = "z" }}`, {MEANS}'
    raise UserError(str(run.folder), f"the [model] of its recipe names {said}; {advice}")
