"""An export's description for programs: inputs and outputs of its modules, and the run's record without places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from torch import Tensor

from semreg.core import AttributesField, ClassField
from semreg.core.version import __version__
from semreg.exporting.modules import Part
from semreg.store.disk import read_object
from semreg.store.fields import described
from semreg.store.layout import RECORD
from semreg.store.reading import table_in
from semreg.trained.run import Run

KEPT = ("name", "seed", "precision", "fallback", "used_fallback", "trained", "modules", "phases")
"""The entries of a run's record that an export keeps: nothing about the machine, the command or the places of data. The
hash is left out, since it would make the export look like the run beside other runs."""
KEPT_OF_DATA = ("name", "counts", "fingerprint")
ON_FALLBACK = "The recipe's own data set was missing; this is its fallback."
"""Replaces the run's own sentence, which names places."""


def record_of(run: Run) -> dict[str, Any]:
    """Return the record of an exported run, for opening it."""
    record = read_object(run.folder / RECORD) or {}
    kept: dict[str, Any] = {key: record[key] for key in KEPT if key in record}
    if kept.get("fallback"):
        kept["fallback"] = ON_FALLBACK
    data = table_in(record, "data")
    fields = {name: described(field) for name, field in run.fields.items()}
    pixels = {"pixels": dict(table_in(data, "taken", "pixels"))}
    told = {key: data[key] for key in KEPT_OF_DATA if key in data} | {"fields": fields, "taken": pixels}
    return {**kept, "recipe": f"{run.plan.name}.toml", "data": told}


def recipe_of(run: Run) -> dict[str, Any]:
    """Return the recipe of an exported run, with only the last part of paths from the root or a home folder."""
    recipe: dict[str, Any] = _without_places(run.recipe)
    return recipe


def configuration_of(
    run: Run, parts: Mapping[str, Part], tensors: Mapping[str, tuple[Sequence[Any], Sequence[Tensor]]]
) -> dict[str, Any]:
    """Return the content of `config.json`: files with inputs and outputs, labels with their codes, priors,
    interpolator.

    Args:
        run: the run.
        parts: the exported parts, by file.
        tensors: inputs and outputs of each, of some rows.
    """
    roles, fields = run.roles, run.fields
    read = {name for part in parts.values() for name in part.inputs} | set(roles.attributes)
    labels = {
        name: {
            "kind": "class" if isinstance(field, ClassField) else "attributes",
            "names": list(field.names),
            "order": field.order if isinstance(field, ClassField) else "none",
            "code": roles.attributes.get(name, ""),
        }
        for name in sorted(read)
        if isinstance(field := fields.get(name), ClassField | AttributesField)
    }
    return {
        "format": "semreg export 1",
        "semreg": __version__,
        "name": run.plan.name,
        "range": list(run.value_range),
        "modules": {
            file: {
                "inputs": _shapes(part.inputs, tensors[file][0], images=part.reads_images),
                "outputs": _shapes(part.outputs, tensors[file][1], images=False),
            }
            for file, part in parts.items()
        },
        "labels": labels,
        "priors": {
            code: {"module": prior, "use": run.plan.modules[prior].node.name} for code, prior in roles.prior.items()
        },
        "interpolator": dict(roles.interpolator),
    }


def _shapes(names: Sequence[str], values: Sequence[Any], *, images: bool) -> list[dict[str, Any]]:
    """Return the name, shape and type of each; a free dimension is a word."""
    found = []
    for place, (name, value) in enumerate(zip(names, values, strict=False)):
        shape: list[Any] = ["batch", *value.shape[1:]]
        if images and not place:
            shape[1:3] = ["height", "width"]
        found.append({"name": name, "shape": shape, "type": str(value.dtype).removeprefix("torch.")})
    return found


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_places(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_places(one) for one in value]
    if isinstance(value, str) and "\n" not in value:
        kinds: tuple[type[PurePath], ...] = (PurePosixPath, PureWindowsPath)
        path = next((kind(value) for kind in kinds if kind(value).is_absolute() or value.startswith("~")), None)
        return value if path is None else path.name
    return value
