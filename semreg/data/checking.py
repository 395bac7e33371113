"""Checks that a data set returns the data that its specification promises."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from semreg.core import (
    SPLITS,
    AttributesField,
    ClassField,
    Field,
    ImageField,
    Problem,
    Source,
    Specification,
    UserError,
    VectorField,
)
from semreg.data.files import quoted


def check_source(name: str, specification: Specification, source: Source) -> None:
    """Raise UserError with all differences between the source of data set `name` and its specification."""
    count = len(source.split)
    problems = [] if count else [Problem("", "there are no images")]
    if source.split.dtype != np.uint8 or not np.isin(source.split, list(SPLITS.values())).all():
        problems.append(
            Problem("split", f"found {source.split.dtype} {np.unique(source.split)[:5]}; expected uint8 0, 1 or 2")
        )
    if source.images is not None and not isinstance(specification.get("image"), ImageField):
        problems.append(Problem("image", "this name is reserved for the images; rename the field"))
    for label, field in specification.items():
        if not label.isidentifier() or label == "split":
            message = f"{quoted(label)} can't be a field's name; expected letters, digits and _, but not 'split'"
        elif isinstance(field, ImageField):
            message = (
                "" if label == "image" and source.images else "images are read by a reader, into the field 'image'"
            )
        else:
            message = _check_names(field) or _check_labels(field, source.labels.get(label), count)
        if message:
            problems.append(Problem(label, message))
    if problems:
        raise UserError(name, problems)


def require_told(source: Source) -> None:
    """Raise TypeError if JSON can't hold the facts that a source reports about itself."""
    if not isinstance(source.told, dict) or not isinstance(source.activity, str):
        raise TypeError("`told` of its source must be a dict, and `activity` a text")
    if not all(isinstance(remark, str) for remark in source.remarks):
        raise TypeError("`remarks` of its source must be texts")
    json.dumps(source.told)


def _check_names(field: Field) -> str:
    """Return the error in the names of a field's classes or attributes, or an empty text."""
    names = field.names if isinstance(field, ClassField | AttributesField) else ()
    for name, times in Counter(names).items():
        if times > 1:
            return f"the name {quoted(name)} occurs twice"
        try:
            name.encode()
        except UnicodeEncodeError:
            return f"the name {quoted(name)} is not a text; rename it"
    return ""


def _check_labels(field: Field, array: npt.NDArray[Any] | None, count: int) -> str:
    """Return the error in the labels of a field, or an empty text."""
    form: tuple[str, tuple[int, ...]]
    if isinstance(field, ClassField):
        form, most = ("int64", (count,)), len(field.names) - 1
    elif isinstance(field, AttributesField):
        form, most = ("uint8", (count, len(field.names))), 1
    elif isinstance(field, VectorField):
        form, most = ("float32", (count, field.size)), None
    if array is None or (array.dtype.name, array.shape) != form:
        found = "nothing" if array is None else f"{array.dtype} {array.shape}"
        return f"found {found}; expected {form[0]} {form[1]}"
    if most is None:
        unfit = np.flatnonzero(~np.isfinite(array).all(axis=1))
        return f"not all values are finite in 32 bits (see row {unfit[0]}, counted from 0)" if len(unfit) else ""
    if array.size and (array.min() < 0 or array.max() > most):
        return f"values from {array.min()} to {array.max()}; expected 0 to {most}"
    return ""
