"""A critic of images and their labels."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from einops import reduce
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from semreg.components.layers import Activation, Positive, Shapes, Widths, make_activation
from semreg.core import require_classes, shape_error


class ProjectionCritic(nn.Module):
    """A projection discriminator with spectral normalisation: scores how real images look, and how well they fit their
    class.

    Source: Miyato and Koyama, *cGANs with Projection Discriminator* (2018). The score is w·φ(x) + v_y·φ(x), with a
    vector v_y for each class, and φ the sum over the last maps' pixels. Without a label it is w·φ(x), for images of
    unknown class.
    All weights are divided by an estimate of their greatest singular value (Miyato et al. 2018; a convolution's is that
    of its kernel as a matrix), with one power iteration for each call in training. The features are not normalised,
    since real and synthetic images would share the statistics.

    Input: images `(batch, channels, height, width)` and, if known, classes `(batch,)`. Output: scores `(batch, 1)`,
    logits under the log form of the adversarial losses. Each of the `widths` halves the image, rounding down. Raises
    ValueError if the image is too small for so many halvings, or for a label outside the classes.
    """

    def __init__(
        self,
        *,
        classes: Positive,
        input_shapes: Shapes,
        widths: Widths = (64, 128, 256),
        activation: Activation = "leaky_relu",
    ) -> None:
        super().__init__()
        if len(input_shapes) not in (1, 2) or len(input_shapes[0]) != 3:
            found = ", ".join(str(tuple(shape)) for shape in input_shapes)
            raise ValueError(f"projection_critic takes images and labels, critic(image, label); found shapes {found}")
        channels, *extents = input_shapes[0]
        if min(extents) >> len(widths) == 0:
            raise ValueError(f"{len(widths)} widths halve an image of {tuple(extents)} to nothing; use fewer")
        self.classes = classes
        layers: list[nn.Module] = []
        for before, after in pairwise([channels, *widths]):
            layers.append(spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)))
            layers.append(make_activation(activation))
        self.features = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Linear(widths[-1], 1))
        self.vectors = spectral_norm(nn.Embedding(classes, widths[-1]))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        if images.ndim != 4:
            raise shape_error("projection_critic(images)", "batch channels height width", "not images", images)
        features = reduce(self.features(images), "batch maps height width -> batch maps", "sum")
        scores = cast(Tensor, self.score(features))
        if labels is None:
            return scores
        require_classes("projection_critic(images, labels)", labels, rows=len(images), classes=self.classes)
        return scores + cast(Tensor, (self.vectors(labels.long()) * features).sum(1, keepdim=True))
