"""What data sets in a user's own files share: sizes of images, names of splits, and the order of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Interval

from semreg.core import SPLITS, TEST, TRAIN, VALIDATION, UserError

Size = Annotated[int, Interval(ge=1, le=4096)]
"""The side of an image, in pixels."""

SPLIT_NAMES = {**SPLITS, "valid": VALIDATION, "val": VALIDATION, "0": TRAIN, "1": VALIDATION, "2": TEST}


def sorted_classes(values: Sequence[str]) -> tuple[str, ...]:
    """The different values, sorted; as numbers if all are (infinite ones, and nan, are words)."""
    different = sorted(set(values))
    try:
        numbers = [float(value) for value in different]
    except ValueError:
        return tuple(different)
    return tuple(sorted(different, key=float) if np.isfinite(numbers).all() else different)


def field_name(label: str) -> str:
    """The name that a recipe gives to the field of classes. Raises UserError if a field can't be called that."""
    if label in ("image", "split") or not label.isidentifier():
        why = "the images have that name" if label == "image" else "no field can be called that"
        raise UserError("", f"label = {label!r}: {why}; choose another")
    return label
