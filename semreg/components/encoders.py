"""Standard encoders: convolutional, fully connected, and any image model of timm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

from einops import rearrange
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from semreg.components.functional import without_autocast
from semreg.components.layers import (
    Activation,
    Normalization,
    Outputs,
    Positive,
    Shapes,
    Widths,
    flatten,
    hidden_layers,
    image_shape,
    make_activation,
    make_normalization,
    map_output,
    output_layers,
)
from semreg.components.pretrained import weights_are_wanted
from semreg.core import closest


class ConvEncoder(nn.Module):
    """A plain convolutional network: each layer is a stride-2 convolution, a normalisation and an activation.

    Input: images `(batch, channels, height, width)` of any size, and vectors `(batch, features)` if there are any, such
    as a label's `one_hot`. Output by `head`: `linear` flattens the last maps, `pool_linear` averages each of them; both
    are joined with the vectors and pass through the `hidden` fully connected layers to `(batch, outputs)`, or to
    `(batch, *outputs)` for a list. `maps` returns the spatial code `(batch, outputs, height', width')` by a 1×1
    convolution. With `outputs = 0` there is no last layer: the features are the code.

    `widths` are the layers' channels. A kernel of 3 halves sizes rounding up (178 → 89 → 45), one of 4 rounding down.
    Raises ValueError if the image is too small for so many halvings.
    """

    def __init__(
        self,
        *,
        outputs: Outputs,
        input_shapes: Shapes,
        widths: Widths = (32, 64, 128, 256),
        kernel: Literal[3, 4] = 3,
        normalization: Normalization = "batch",
        activation: Activation = "relu",
        hidden: Sequence[Positive] = (),
        head: Literal["linear", "pool_linear", "maps"] = "linear",
    ) -> None:
        super().__init__()
        # with several images it is unclear which is meant
        images = [shape for index, shape in enumerate(input_shapes) if index == 0 or len(shape) == 3]
        channels, height, width = image_shape(images)
        vectors = sum(math.prod(shape) for shape in input_shapes[1:])
        layers: list[nn.Module] = []
        for maps in widths:
            height, width = ((extent + 4 - kernel) // 2 for extent in (height, width))
            if not height or not width:
                raise ValueError(f"{len(widths)} widths halve an image of {input_shapes[0][1:]} to nothing; use fewer")
            # the normalisation would subtract a bias again
            layers.append(nn.Conv2d(channels, maps, kernel, stride=2, padding=1, bias=normalization == "none"))
            layers.append(make_normalization(normalization, maps, height * width))
            layers.append(make_activation(activation))
            channels = maps
        self.features = nn.Sequential(*layers)
        if head == "maps":
            if hidden or vectors:
                what = "hidden layers are" if hidden else "vectors beside the image need layers that are"
                raise ValueError(f"{what} fully connected; head = 'maps' has none")
            self.head: nn.Module = map_output(channels, outputs)
        else:
            pool: list[nn.Module] = [nn.AdaptiveAvgPool2d(1)] if head == "pool_linear" else []
            features = vectors + (channels if pool else channels * height * width)
            fully_connected, features = hidden_layers(features, hidden, activation)
            vector = Rearrange("batch channels height width -> batch (channels height width)")
            self.head = nn.Sequential(*pool, vector, *fully_connected, *output_layers(features, outputs))
            self.join_before = len(pool) + 1

    def forward(self, images: Tensor, *vectors: Tensor) -> Tensor:
        maps = self.features(images)
        if not vectors:
            return cast(Tensor, self.head(maps))
        head = cast(nn.Sequential, self.head)
        return cast(Tensor, head[self.join_before :](flatten([head[: self.join_before](maps), *vectors])))


class MLPEncoder(nn.Module):
    """Fully connected layers on one or several flattened inputs `(batch, ...)`, joined into one vector.

    Output: `(batch, outputs)`, or `(batch, *outputs)` for a list; with `outputs = 0` the last hidden layer. Without
    hidden layers it is a linear map.
    """

    def __init__(
        self,
        *,
        outputs: Outputs,
        input_shapes: Shapes,
        hidden: Sequence[Positive] = (512, 512),
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        features = sum(math.prod(shape) for shape in input_shapes)
        layers, features = hidden_layers(features, hidden, activation)
        self.layers = nn.Sequential(*layers, *output_layers(features, outputs))

    def forward(self, *inputs: Tensor) -> Tensor:
        return cast(Tensor, self.layers(flatten(inputs)))


class TimmEncoder(nn.Module):
    """Any image model of timm, by its name, on images `(batch, channels, height, width)`.

    Output by `head`: `pool_linear` is the model's own pooling and last layer, `(batch, outputs)`, or
    `(batch, *outputs)` for a list; `maps` returns its last feature maps through a 1×1 convolution,
    `(batch, outputs, height', width')`. With `outputs = 0` there is no last layer: the features are the code.
    `pretrained` weights are downloaded. Raises ValueError for a name that timm doesn't have.
    """

    def __init__(
        self,
        *,
        model: str,
        outputs: Outputs,
        input_shapes: Shapes,
        pretrained: bool = False,
        head: Literal["pool_linear", "maps"] = "pool_linear",
    ) -> None:
        super().__init__()
        channels, height, width = image_shape(input_shapes)
        self.maps = head == "maps"
        self.head: nn.Module = nn.Identity()
        count = outputs if isinstance(outputs, int) else math.prod(outputs)
        options: dict[str, Any] = {"features_only": True, "out_indices": (-1,)} if self.maps else {"num_classes": count}
        self.model = _timm_model(model, pretrained, channels, (height, width), options)
        if self.maps:
            self.channels: int = self.model.feature_info.channels()[-1]
            self.head = map_output(self.channels, outputs)
        elif isinstance(outputs, list):
            self.head = nn.Unflatten(1, tuple(outputs))

    def forward(self, images: Tensor) -> Tensor:
        if not self.maps:
            features = self.model.forward_features(images)
            if isinstance(features, list):  # CrossViT returns one for each size of its patches
                features = tuple(features)
            return cast(Tensor, self.head(without_autocast(self.model.forward_head, features)))
        features = self.model(images)[-1]
        if features.shape[1] != self.channels:  # Swin and related models put the channels last
            features = rearrange(features, "batch height width channels -> batch channels height width")
        return cast(Tensor, self.head(features))


def _timm_model(name: str, pretrained: bool, channels: int, size: tuple[int, int], options: dict[str, Any]) -> Any:
    import timm  # takes seconds, so it is imported on use

    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}{closest(name, timm.list_models())}")
    configuration = timm.get_pretrained_cfg(name)
    if configuration is not None and configuration.fixed_input_size:  # transformers are built for one size
        options = {**options, "img_size": size}
    fetched = pretrained and weights_are_wanted()
    try:
        return timm.create_model(name, pretrained=fetched, in_chans=channels, **options)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"timm can't make {name!r} with pretrained = {str(pretrained).lower()}: {error}") from error
