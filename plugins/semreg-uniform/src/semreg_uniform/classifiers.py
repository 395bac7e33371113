"""Classifiers of images whose last layer also reads codes: they are trained on images and judge codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Protocol, cast

from annotated_types import Ge
from einops import rearrange
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from semreg.components.layers import HeadLinear, Positive, Shapes, hidden_layers, image_shape
from semreg.core import shape_error
from semreg_uniform.networks import SLOPE, require_divisible

Classes = Annotated[int, Ge(2)]


class Classifier(Protocol):
    """The interface of a classifier for the losses and evaluations of codes."""

    def class_logits(self, codes: Tensor) -> Tensor:
        """Return logits `(batch, classes)` of codes `(batch, ...)`."""
        ...


class TailClassifier(nn.Module):
    """The classifier of Table II: images, or by `class_logits` codes of a quarter of the size, to `(batch, classes)`.

    Two 4×4 convolutions that halve the image, to 2·`width` and 4·`width` maps, each with a leaky rectifier, then one
    linear layer on all of them. It also reads spatial_encoder's codes if both have one `width`; the paper's is 32.
    Raises ValueError for an image whose sides are not divisible by 4.
    """

    def __init__(self, *, classes: Classes, input_shapes: Shapes, width: Positive = 32) -> None:
        super().__init__()
        channels, *extents = image_shape(input_shapes)
        require_divisible("tail_classifier", extents)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 2 * width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE),
        )  # fmt: skip
        self.logits = HeadLinear(4 * width * math.prod(extents) // 16, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.class_logits(self.features(images))

    def class_logits(self, codes: Tensor) -> Tensor:
        """Return logits `(batch, classes)` of codes `(batch, 4·width, height/4, width/4)`. Raises ValueError for
        others."""
        return _tail(self.logits, codes, "tail_classifier")


class MLPTailClassifier(nn.Module):
    """A shallow classifier of images, or by `class_logits` of codes with `code` dimensions, to `(batch, classes)`.

    Fully connected: images, flattened, through the `hidden` layers with rectifiers to `code` dimensions, then one
    linear layer. For the ablation's shallow encoders (Eq. 10), and for other models whose codes are vectors.
    """

    def __init__(
        self, *, classes: Classes, code: Positive, input_shapes: Shapes, hidden: Sequence[Positive] = (256,)
    ) -> None:
        super().__init__()
        layers, features = hidden_layers(math.prod(image_shape(input_shapes)), hidden, "relu")
        vector = Rearrange("batch channels height width -> batch (channels height width)")
        self.features = nn.Sequential(vector, *layers, nn.Linear(features, code))
        self.logits = HeadLinear(code, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.class_logits(self.features(images))

    def class_logits(self, codes: Tensor) -> Tensor:
        """Return logits `(batch, classes)` of codes `(batch, code)`. Raises ValueError for codes of another size."""
        return _tail(self.logits, codes, "mlp_tail_classifier")


def class_logits(classifier: Classifier | nn.Module, codes: Tensor) -> Tensor:
    """Classify codes by a classifier of images, whose last layer reads them: logits `(batch, classes)`.

    Eq. 3 and 4. Raises ValueError for a module without `class_logits`, or codes of another size than it reads.
    """
    if not hasattr(classifier, "class_logits"):
        raise ValueError(
            "class_logits(classifier, codes) needs a classifier that reads codes, such as tail_classifier; found a "
            f"{type(classifier).__name__}"
        )
    return cast(Classifier, classifier).class_logits(codes)


def _tail(logits: nn.Linear, codes: Tensor, name: str) -> Tensor:
    features = rearrange(codes, "batch ... -> batch (...)") if codes.ndim > 1 else codes
    if features.shape[1:] != (logits.in_features,):
        cause = f"its last layer reads {logits.in_features} numbers"
        raise shape_error(f"{name}.class_logits(codes)", "batch ...", cause, codes)
    return cast(Tensor, logits(features))
