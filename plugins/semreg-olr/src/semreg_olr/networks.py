"""The two networks of OLR: the encoder with the label-specific last layer, and the decoder of Table 1."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, Any, Literal, NamedTuple

import torch
from annotated_types import Gt, MinLen
from einops import reduce
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from semreg.components.layers import HeadConv2d
from semreg.core import closest

Normalization = Literal["batch", "instance", "none"]


def _normalization(name: Normalization, channels: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=True) if name == "instance" else nn.Identity()


class _TimmFeatures(nn.Module):
    """A timm model without its head: images to feature maps `(batch, channels, height, width)`."""

    def __init__(self, name: str, in_channels: int) -> None:
        super().__init__()
        import timm

        if not timm.is_model(name):  # create_model would download a name in the form of an address
            raise ValueError(f"timm has no model {name!r}{closest(name, timm.list_models())}")
        model: Any = timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0, global_pool="")
        self.model = model
        self.channels: int = model.num_features

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.model.forward_features(images)
        if maps.ndim != 4 or maps.shape[1] != self.channels:
            raise ValueError(f"the backbone must end in (batch, {self.channels}, h, w) maps, found {tuple(maps.shape)}")
        return maps


class LabelEmbeddingEncoder(nn.Module):
    """Images `(batch, channels, height, width)` to one embedding row per label `(batch, labels, embedding_size)`.

    A backbone, a last convolution with one group of `embedding_size` maps per label, average pooling and a reshape
    (section 3, Figure 1). The paper does not specify the backbone, the last kernel (1 by 1 here) and whether the last
    maps are rectified.

    Args:
        input_shapes: shape of the images, `[(channels, height, width)]`.
        labels: number of labels, L.
        embedding_size: dimensions per label, k; 32 in the paper.
        backbone: name of a timm model, or "conv" for the plain stack of `channels`.
        channels: output channels of the plain stack's 3 by 3 convolutions of stride 2.
        normalization: the layer after each convolution of the plain stack.
        activation: the layer after the last convolution.
        initial_scale: factor on the last convolution's initial weights. Below 1 the rows start short, and their
            products near the joint probabilities, which are mostly small (decision).

    Raises:
        ValueError: if timm has no such backbone, or it does not end in feature maps.
    """

    def __init__(
        self,
        *,
        input_shapes: Sequence[tuple[int, ...]],
        labels: Annotated[int, Gt(0)],
        embedding_size: Annotated[int, Gt(0)] = 32,
        backbone: str = "conv",
        channels: Annotated[list[int], MinLen(1)] = [32, 64, 128, 256],  # noqa: B006 - read, never changed
        normalization: Normalization = "batch",
        activation: Literal["relu", "none"] = "relu",
        initial_scale: Annotated[float, Gt(0)] = 0.2,
    ) -> None:
        super().__init__()
        in_channels = input_shapes[0][0]
        self.labels, self.embedding_size = labels, embedding_size
        if backbone == "conv":
            layers: list[nn.Module] = []
            for before, after in zip([in_channels, *channels], channels, strict=False):
                convolution = nn.Conv2d(before, after, 3, stride=2, padding=1)
                layers += [convolution, _normalization(normalization, after), nn.ReLU()]
            self.backbone: nn.Module = nn.Sequential(*layers)
            features = channels[-1]
        else:
            timm_features = _TimmFeatures(backbone, in_channels)
            self.backbone, features = timm_features, timm_features.channels
        self.label_maps = HeadConv2d(features, labels * embedding_size, 1)
        nn.init.zeros_(self.label_maps.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.label_maps.weight.mul_(initial_scale)
        self.activation = nn.ReLU() if activation == "relu" else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.activation(self.label_maps(self.backbone(images)))
        return reduce(maps, "batch (labels k) height width -> batch labels k", "mean", labels=self.labels)


class DecoderPlan(NamedTuple):
    """How a size is reached: from `first` pixels by `doublings`, minus two pixels after the second if `trimmed`."""

    first: int
    doublings: int
    trimmed: bool

    def size(self) -> int:
        return (4 * self.first - 2 * self.trimmed) << (self.doublings - 2)


PLANS = [DecoderPlan(first, n, trimmed) for first in range(2, 17) for n in range(2, 8) for trimmed in (False, True)]


def decoder_plan(size: int) -> DecoderPlan:
    """Return the plan whose first map is nearest the 6 pixels of Table 1; for 176 pixels it is Table 1.

    Table 1 doubles 6 to 12 to 24, trims to 22 by a convolution without padding, and doubles up to 176. If doubling is
    enough, nothing is trimmed (decision): 48 = 6·8.

    Raises:
        ValueError: if no first map of 2 to 16 pixels leads to `size`.
    """
    fitting = [plan for plan in PLANS if plan.size() == size]
    if not fitting:
        near = sorted({plan.size() for plan in PLANS}, key=lambda reached: abs(reached - size))[:4]
        raise ValueError(f"{size} pixels cannot be reached by doubling; near are {', '.join(map(str, sorted(near)))}")
    return min(fitting, key=lambda plan: (abs(plan.first - 6), plan.trimmed, plan.doublings))


class ReconstructionDecoder(nn.Module):
    """Embeddings `(batch, labels, k)` to images before their rescaling, Table 1's Conv2D_out (section 4.4).

    A dense layer, a small map of 512 channels, then transposed convolutions of stride 2 with a convolution after each;
    at 176 pixels and `width` 1 it is Table 1 layer by layer, at other sizes the same pattern (`decoder_plan`). The
    operation `rescale` is separate.

    Args:
        input_shapes: shape of the embedding, `[(labels, k)]`.
        size: side of the output in pixels.
        channels: channels of the output.
        width: factor on all channel counts of Table 1 except the output's.
        normalization: the layer after the dense layer and each convolution except the last; the paper has none.
        output_activation: the layer after Conv2D_out. By the table's footnote, all activations are ReLUs.

    Raises:
        ValueError: if `size` cannot be reached by doubling.
    """

    def __init__(
        self,
        *,
        input_shapes: Sequence[tuple[int, ...]],
        size: Annotated[int, Gt(0)] = 176,
        channels: Annotated[int, Gt(0)] = 3,
        width: Annotated[float, Gt(0)] = 1.0,
        normalization: Normalization = "none",
        output_activation: Literal["relu", "none"] = "relu",
    ) -> None:
        super().__init__()
        plan = decoder_plan(size)

        def scaled(count: int) -> int:
            return max(1, round(count * width))

        def activated(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
            return [convolution, _normalization(normalization, convolution.out_channels), nn.ReLU()]

        current = scaled(512)
        layers: list[nn.Module] = [
            Rearrange("batch labels ... -> batch (labels ...)"),
            nn.Linear(prod(input_shapes[0]), current * plan.first**2),
            Rearrange(
                "batch (channels height width) -> batch channels height width", height=plan.first, width=plan.first
            ),
            _normalization(normalization, current),
            nn.ReLU(),
        ]
        for index in range(plan.doublings):
            doubled = scaled(128 if index == 0 else 64)
            after = scaled(32 if index == plan.doublings - 1 else 64)
            padding = 0 if plan.trimmed and index == 1 else 1
            # Padding 1 and output padding 1 double exactly: Keras' "same" for a transposed convolution of stride 2.
            layers += activated(nn.ConvTranspose2d(current, doubled, 3, stride=2, padding=1, output_padding=1))
            layers += activated(nn.Conv2d(doubled, after, 3, padding=padding))
            current = after
        layers.append(nn.Conv2d(current, channels, 3, padding=1))
        layers.append(nn.ReLU() if output_activation == "relu" else nn.Identity())
        self.layers = nn.Sequential(*layers)

    def forward(self, embeddings: Tensor) -> Tensor:
        output: Tensor = self.layers(embeddings)
        return output
