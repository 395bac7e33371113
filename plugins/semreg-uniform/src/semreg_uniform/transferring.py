"""Transfers attributes between your own images (Figure 8), as `semreg transfer` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from semreg.core import ClassField
from semreg.trained import Run, expected_images, labels_of, need, synthesised
from semreg_uniform.evaluations.common import Attributes
from semreg_uniform.evaluations.transfer import transferred


def transfer(run: Run, images: Any, targets: Any, attributes: Sequence[str]) -> Tensor:
    """Return images with the codes of some attributes from as many target images, by the recipe's `[model]`.

    Args:
        run: a trained run with a code for each attribute, as recipes/uniform_multipie.toml makes it.
        images: `(batch, channels, height, width)` in the recipe's range, or in memory as `Run.encode` takes them.
        targets: of the same shape: the source of the attributes.
        attributes: their names, one or several.

    Returns the decoder's images, of that shape. Raises UserError for roles that `[model]` lacks, and ValueError if
    there is no such attribute, none is named, or the numbers of images differ.
    """
    roles = need(run, "input", "output", "attributes")
    codes = labels_of(run, ClassField)
    known = Attributes(
        {label: run.tensor(code) for label, code in codes.items()},
        {label: run.tensor(label) for label in codes},
        [run.tensor(name) for name in roles.code if name not in codes.values()],
    )
    if not attributes:
        raise ValueError(f"no attribute is named; expected one of: {', '.join(known.names)}")
    for name in attributes:
        known.field(name)
    images, targets = (expected_images(run, part, "transfer") for part in (images, targets))
    if len(images) != len(targets):
        raise ValueError(f"each image needs a target of its own; there are {len(images)} and {len(targets)}")
    own, given = (known.compute(**{roles.input: part}) for part in (images, targets))
    return synthesised(run.tensor(roles.output), transferred(known, own, given, attributes))
