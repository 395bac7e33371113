"""StarGAN, the baseline of Oldfield et al. for uniform disentanglement.

Source: Choi et al., *StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation*
(2018).

One generator translates an image to the domain of a label, and a critic that also classifies domains trains it.
`recipes/uniform/stargan.toml` combines the terms: the generator is an encoder and a decoder without disentanglement
between them.
"""

from __future__ import annotations

from typing import Annotated, cast

from annotated_types import Ge
from einops import rearrange, repeat
from semreg_uniform.networks import PatchCritic
from torch import Tensor, cat, nn

from semreg.components.layers import HeadConv2d, Positive, Shapes, image_shape
from semreg.core import shape_error


class DomainCritic(PatchCritic):
    """StarGAN's critic: `patch_critic` whose layers also classify the image's domain, by `domain_logits`.

    Input: images `(batch, channels, height, width)`. Output: scores of patches, as in `patch_critic`, or by
    `domain_logits` logits `(batch, classes)`, from a convolution as large as the layers' output. `width` and `layers`
    are the maps of the first layer and the halvings; 64 and 6 are StarGAN's. Raises ValueError if the image is too
    small for so many halvings.
    """

    def __init__(
        self, *, classes: Annotated[int, Ge(2)], input_shapes: Shapes, width: Positive = 64, layers: Positive = 6
    ) -> None:
        super().__init__(input_shapes=input_shapes, width=width, layers=layers)
        _, height, across = image_shape(input_shapes)
        size = (height >> layers, across >> layers)
        self.domains = HeadConv2d(width << (layers - 1), classes, size, bias=False)

    def domain_logits(self, images: Tensor) -> Tensor:
        """Return logits `(batch, classes)` of the domains of images."""
        return cast(Tensor, rearrange(self.domains(self.layers(images)), "batch classes 1 1 -> batch classes"))


def domain_logits(critic: DomainCritic | nn.Module, images: Tensor) -> Tensor:
    """Classify the domains of images by a critic: logits `(batch, classes)`, D_cls of Choi et al.

    Their cross-entropy trains the critic on images with their own labels (Eq. 2), and the generator on translated ones
    with the labels they were translated to (Eq. 3). Raises ValueError for a module that doesn't classify domains.
    """
    if not hasattr(critic, "domain_logits"):
        raise ValueError(
            "domain_logits(critic, images) needs a critic that classifies, such as domain_critic; found a "
            f"{type(critic).__name__}"
        )
    return cast(DomainCritic, critic).domain_logits(images)


def label_maps(images: Tensor, vectors: Tensor) -> Tensor:
    """Join images `(batch, channels, height, width)` with a constant map for each element of vectors `(batch, size)`.

    This is the input of StarGAN's generator: the target's label beside the pixels,
    `(batch, channels + size, height, width)`. A network whose first layer is a convolution with instance normalisation
    can't see them: it subtracts constants. Raises ValueError for other shapes, or batch sizes that differ.
    """
    if images.ndim != 4 or vectors.ndim != 2 or len(images) != len(vectors):
        call, cause = "label_maps(images, vectors)", "each image needs a vector"
        raise shape_error(call, "batch channels height width, batch size", cause, images, vectors)
    _, _, height, width = images.shape
    maps = repeat(vectors.to(images.dtype), "batch size -> batch size height width", height=height, width=width)
    return cat([images, maps], dim=1)
