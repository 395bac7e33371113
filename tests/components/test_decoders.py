"""The decoders: exact sizes from any code, options, gradients, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semreg.components.decoders import ConvDecoder, MLPDecoder
from semreg.components.encoders import ConvEncoder


@pytest.mark.parametrize("size", [8, 28, 48, 64, 178])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_conv_gives_images_of_the_asked_size(size: int, channels: int, upsampling: Any) -> None:
    decoder = ConvDecoder(channels=channels, size=size, input_shapes=[(5,)], widths=[8, 8, 8, 4], upsampling=upsampling)
    assert decoder(torch.rand(2, 5)).shape == (2, channels, size, size)


@pytest.mark.parametrize("size", [7, 28, 33, 178])
def test_spatial_codes_of_the_encoder_come_back_as_images(size: int) -> None:
    images = torch.rand(2, 3, size, size)
    encoder = ConvEncoder(outputs=4, input_shapes=[(3, size, size)], widths=[8, 8, 8], head="maps")
    code = encoder(images)
    decoder = ConvDecoder(channels=3, size=size, input_shapes=[code.shape[1:]] * 2, widths=[8, 8, 4])
    assert decoder(code, code).shape == images.shape


@pytest.mark.parametrize("kind", [ConvDecoder, MLPDecoder])
def test_several_codes_all_matter(kind: Any) -> None:
    torch.manual_seed(0)
    decoder = kind(channels=1, size=16, input_shapes=[(5,), (3, 2)], hidden=[32]).eval()
    a, b = torch.rand(2, 5), torch.rand(2, 3, 2)
    images = decoder(a, b)
    assert images.shape == (2, 1, 16, 16)
    assert not torch.equal(images, decoder(a + 1, b))
    assert not torch.equal(images, decoder(a, b + 1))


@pytest.mark.parametrize("kind", [ConvDecoder, MLPDecoder])
@pytest.mark.parametrize(("output", "low", "high"), [("sigmoid", 0, 1), ("tanh", -1, 1), ("none", -1e9, 1e9)])
def test_the_output_activation_bounds_the_images(kind: Any, output: Any, low: float, high: float) -> None:
    torch.manual_seed(0)
    images = kind(channels=1, size=16, input_shapes=[(5,)], output=output)(1000 * torch.randn(8, 5))
    assert low <= images.min()
    assert images.max() <= high
    if output == "none":
        assert images.min() < 0


@pytest.mark.parametrize("normalization", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_every_parameter_learns(normalization: Any, upsampling: Any) -> None:
    torch.manual_seed(0)
    decoder = ConvDecoder(
        channels=3,
        size=18,
        input_shapes=[(5,)],
        widths=[8, 8],
        hidden=[8],
        normalization=normalization,
        upsampling=upsampling,
    )
    (decoder(torch.rand(4, 5)) - 1).square().sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_bfloat16_autocast_is_close_to_float32() -> None:
    torch.manual_seed(0)
    code = torch.randn(8, 5)
    for decoder in (
        ConvDecoder(channels=3, size=20, input_shapes=[(5,)], widths=[16, 8]),
        MLPDecoder(channels=3, size=20, input_shapes=[(5,)]),
    ):
        expected = decoder(code)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = decoder(code)
        torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shapes": [(5,), (4, 2, 2)]}, "all vectors or all maps, found"),
        ({"input_shapes": []}, "found none"),
        ({"input_shapes": [(4, 3, 2)]}, r'"batch channels 2 2" for this size .* found \(batch, 4, 3, 2\)'),
        ({"input_shapes": [(4, 2, 2)], "hidden": [8]}, "spatial codes have none"),
        ({"input_shapes": [(4,)], "size": 16, "normalization": "instance"}, "256 maps of 1 pixel"),
    ],
)
def test_what_conv_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvDecoder(**{"channels": 3, "size": 32, **options})
