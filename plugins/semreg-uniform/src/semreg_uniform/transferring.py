"""Attributes of one image given to another of one's own (Figure 8): what `semreg transfer` does."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from semreg.trained import Run, first_evaluation_inputs, synthesised
from semreg_uniform.evaluations.common import attributes_of
from semreg_uniform.evaluations.transfer import transferred


def transfer(run: Run, images: Tensor, targets: Tensor, attributes: Sequence[str]) -> Tensor:
    """Images with the codes of some attributes from as many target images, as the evaluation `attribute_transfer` does.

    Args:
        run: a trained run whose recipe has such an evaluation.
        images: `(batch, channels, height, width)` in the recipe's range, as `read_images` gives them.
        targets: of the same shape: where the attributes are taken from.
        attributes: their names, one or several.

    Returns the decoder's images, of that shape. Raises UserError if the recipe has no such evaluation, and ValueError
    if there is no such attribute, none is named, or the numbers of images differ.
    """
    found = first_evaluation_inputs(
        run,
        "attribute_transfer",
        says="which code belongs to which attribute",
        recipe="recipes/uniform_multipie.toml",
    )
    image, reconstruction, *handles = found.inputs
    known = attributes_of("attribute_transfer(image, x_f, z_0, *codes, *labels)", handles)
    if not attributes:
        raise ValueError(f"no attribute is named; there is: {', '.join(known.names)}")
    for name in attributes:
        known.field(name)
    if len(images) != len(targets):
        raise ValueError(f"each image needs a target of its own; there are {len(images)} and {len(targets)}")
    codes, given = (known.compute(**{image.name: part}) for part in (images, targets))
    return synthesised(reconstruction, transferred(known, codes, given, attributes))
