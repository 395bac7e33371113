"""Pictures of the codes in few dimensions."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Gt

from semreg.core import Handle, Result, Role, Scatter
from semreg.pictures import scatter_plot
from semreg.trained import before_training, class_field, read_codes, vary


def tsne(
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL],
    *,
    count: Annotated[int, Gt(1)] = 1000,
    perplexity: Annotated[float, Gt(0)] = 30.0,
    generator: torch.Generator | None = None,
) -> Result:
    """Draw t-SNE of test codes in two dimensions, as a picture, and in three, which the reader can turn in the report.

    scikit-learn computes it. Yan et al. (ATNL), Figures 5, 6 and 13.

    Source: van der Maaten and Hinton, *Visualizing Data using t-SNE* (2008).

    Args:
        code: `(batch, code)`.
        label: a field of classes.
        count: most test images, drawn at random.
        perplexity: about how many neighbours of each code to preserve; less than the number of images.
        generator: source of the draw and of the embedding's own randomness.

    If all codes are equal, nothing is drawn, and the summary states it.
    """
    from sklearn.manifold import TSNE

    field, codes, labels = class_field(label), read_codes(code, "test"), label.read("test")
    chosen = torch.randperm(len(codes), generator=generator)[:count].sort().values
    codes, labels = codes[chosen].double(), labels[chosen]
    _require_few(perplexity, len(codes))
    if not vary(codes):  # scikit-learn fails on these
        return Result(summary=f"the codes of all {len(codes)} test images are equal, so there is no map of them")
    placed = []
    for dimensions in (2, 3):
        seed = int(torch.randint(2**31, (), generator=generator))
        start = "pca" if min(codes.shape) >= dimensions else "random"
        model = TSNE(dimensions, perplexity=perplexity, init=start, random_state=seed)
        placed.append(model.fit_transform(codes.numpy()))
    caption = f"{len(codes)} test images, perplexity {perplexity:g}."
    flat = scatter_plot(f"t-SNE of {code.name}", placed[0], labels, field.names, caption=caption)
    points = [[round(float(value), 3) for value in place] for place in placed[1]]
    space = Scatter(f"t-SNE of {code.name} in three dimensions", points, labels.tolist(), field.names, caption)
    return Result(pictures=[flat], scatters=[space])


def _require_few(perplexity: float, images: int) -> None:
    if perplexity >= images:
        raise ValueError(f"perplexity is {perplexity:g} for {images} test images; it must be less than their number")


@before_training(tsne)
def _before_training(code: Handle, label: Handle, *, count: int, perplexity: float, **options: Any) -> None:
    """Raise ValueError unless the perplexity is less than the number of images."""
    _require_few(perplexity, min(count, code.run.counts["test"]))
