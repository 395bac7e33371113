"""Tables I and II at 128×128, number by number, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.networks import PatchCritic, ResidualDecoder, SpatialEncoder
from torch import nn

IMAGE = (3, 128, 128)
ATTRIBUTES = 3


def test_the_encoder_is_table_i(shapes_of: Any) -> None:
    encoder = SpatialEncoder(input_shapes=[IMAGE])
    kinds = (nn.ReflectionPad2d, nn.Conv2d, nn.InstanceNorm2d, nn.ReLU)
    assert shapes_of(encoder, [torch.zeros(1, *IMAGE)], kinds) == [
        ("ReflectionPad2d", (3, 134, 134)),
        ("Conv2d", (32, 128, 128)), ("InstanceNorm2d", (32, 128, 128)), ("ReLU", (32, 128, 128)),
        ("Conv2d", (64, 64, 64)), ("InstanceNorm2d", (64, 64, 64)), ("ReLU", (64, 64, 64)),
        ("HeadConv2d", (128, 32, 32)), ("InstanceNorm2d", (128, 32, 32)), ("ReLU", (128, 32, 32)),
    ]  # fmt: skip
    kernels = [(c.kernel_size[0], c.stride[0]) for c in encoder.modules() if isinstance(c, nn.Conv2d)]
    assert kernels == [(7, 1), (3, 2), (3, 2)]


def test_the_decoder_is_table_i(shapes_of: Any) -> None:
    maps = 128 * (ATTRIBUTES + 1)
    with torch.device("meta"):
        decoder = ResidualDecoder(channels=3, input_shapes=[(128, 32, 32)] * (ATTRIBUTES + 1))
        codes = [torch.zeros(1, 128, 32, 32) for _ in range(ATTRIBUTES + 1)]
    kinds = (nn.Conv2d, nn.Upsample, nn.ReflectionPad2d, nn.InstanceNorm2d, nn.ReLU, nn.Tanh)
    seen = shapes_of(decoder, codes, kinds)
    convolution = [("ReflectionPad2d", (maps, 34, 34)), ("Conv2d", (maps, 32, 32)), ("InstanceNorm2d", (maps, 32, 32))]
    block = [*convolution, ("ReLU", (maps, 32, 32)), *convolution]
    assert seen == [
        *block * 6,
        ("Upsample", (maps, 64, 64)), ("ReflectionPad2d", (maps, 66, 66)),
        ("Conv2d", (64, 64, 64)), ("InstanceNorm2d", (64, 64, 64)), ("ReLU", (64, 64, 64)),
        ("Upsample", (64, 128, 128)), ("ReflectionPad2d", (64, 130, 130)),
        ("Conv2d", (32, 128, 128)), ("InstanceNorm2d", (32, 128, 128)), ("ReLU", (32, 128, 128)),
        ("ReflectionPad2d", (32, 134, 134)), ("Conv2d", (3, 128, 128)), ("Tanh", (3, 128, 128)),
    ]  # fmt: skip
    kernels = [(c.kernel_size[0], c.stride[0]) for c in decoder.modules() if isinstance(c, nn.Conv2d)]
    assert kernels == [(3, 1)] * 14 + [(7, 1)]


def test_the_critic_is_stargans(shapes_of: Any) -> None:
    with torch.device("meta"):
        critic = PatchCritic(input_shapes=[IMAGE])
        seen = shapes_of(critic, [torch.zeros(1, *IMAGE)], (nn.Conv2d,))
    assert seen == [
        ("Conv2d", shape)
        for shape in [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (1024, 4, 4), (2048, 2, 2), (1, 2, 2)]
    ]
    assert [type(layer) for layer in critic.layers] == [nn.Conv2d, nn.LeakyReLU] * 6
    assert {m.negative_slope for m in critic.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}
    kernels = [(c.kernel_size[0], c.stride[0]) for c in critic.modules() if isinstance(c, nn.Conv2d)]
    assert kernels == [(4, 2)] * 6 + [(3, 1)]
    assert critic.score.bias is None


@pytest.mark.parametrize("size", [(8, 8), (32, 48), (20, 12)])
def test_any_size_divisible_by_four_comes_back(size: tuple[int, int]) -> None:
    images = torch.randn(2, 1, *size)
    encoder = SpatialEncoder(input_shapes=[images.shape[1:]], width=2)
    codes = encoder(images)
    assert codes.shape == (2, 8, size[0] // 4, size[1] // 4)
    decoder = ResidualDecoder(channels=1, input_shapes=[codes.shape[1:]] * 2, width=2, blocks=1)
    made = decoder(codes, codes)
    assert made.shape == images.shape
    assert float(made.detach().abs().max()) <= 1


def test_the_decoder_joins_codes_along_their_maps_in_order() -> None:
    codes = [torch.randn(2, maps, 4, 4) for maps in (1, 2, 3)]
    several = ResidualDecoder(channels=1, input_shapes=[code.shape[1:] for code in codes], width=2, blocks=1)
    single = ResidualDecoder(channels=1, input_shapes=[(6, 4, 4)], width=2, blocks=1)
    single.load_state_dict(several.state_dict())
    assert several(*codes).equal(single(torch.cat(codes, 1)))


def test_no_bias_is_learned_where_the_normalisation_takes_it_away() -> None:
    encoder = SpatialEncoder(input_shapes=[(1, 8, 8)], width=2)
    decoder = ResidualDecoder(channels=1, input_shapes=[(8, 2, 2)], width=2, blocks=1)
    convolutions = [c for net in (encoder, decoder) for c in net.modules() if isinstance(c, nn.Conv2d)]
    assert [c.bias is None for c in convolutions] == [True] * 7 + [False]


def test_the_size_is_doubled_by_repeating_pixels() -> None:
    decoder = ResidualDecoder(channels=1, input_shapes=[(1, 1, 2)], width=2, blocks=0)
    doubled = decoder.steps[0](torch.tensor([[[[0.0, 4.0]]]]))
    assert doubled.tolist() == [[[[0, 0, 4, 4], [0, 0, 4, 4]]]]


def test_a_residual_block_adds_to_its_input() -> None:
    decoder = ResidualDecoder(channels=1, input_shapes=[(4, 4, 4)], width=2, blocks=1)
    block = decoder.blocks[0]
    last = [m for m in block.modules() if isinstance(m, nn.InstanceNorm2d)][-1]
    nn.init.zeros_(last.weight)
    maps = torch.randn(2, 4, 4, 4)
    assert block(maps).equal(maps)


def test_one_image_tells_the_critic_nothing_of_another() -> None:
    critic = PatchCritic(input_shapes=[(1, 16, 16)], width=4, layers=3)
    images = torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(critic(images)[1:2], critic(images[1:2]))


def complaint(make: Any) -> str:
    with pytest.raises(ValueError) as refused:
        make()
    return str(refused.value)


def test_what_does_not_fit_is_told() -> None:
    said = complaint(lambda: SpatialEncoder(input_shapes=[(3, 30, 32)]))
    assert said == "spatial_encoder halves images twice: their sides must be divisible by 4, found (30, 32)"
    assert "single numbers" in complaint(lambda: SpatialEncoder(input_shapes=[(3, 4, 4)]))
    said = complaint(lambda: ResidualDecoder(channels=3, input_shapes=[(8, 4, 4), (8, 2, 2)]))
    assert "codes (maps, height, width) of one size, found (8, 4, 4), (8, 2, 2)" in said
    assert "found (64,)" in complaint(lambda: ResidualDecoder(channels=3, input_shapes=[(64,)]))
    assert "6 layers halve an image of (64, 32) to nothing" in complaint(
        lambda: PatchCritic(input_shapes=[(3, 64, 32)])
    )


@pytest.mark.parametrize(("normalization", "seen"), [("instance", False), ("group", True)])
def test_what_is_constant_over_an_image_is_seen_by_group_normalisation_alone(normalization: Any, seen: bool) -> None:
    torch.manual_seed(0)
    encoder = SpatialEncoder(input_shapes=[(4, 8, 8)], width=12, normalization=normalization)
    images = torch.rand(1, 3, 8, 8)
    codes = [encoder(torch.cat([images, torch.full((1, 1, 8, 8), label)], dim=1)) for label in (0.0, 1.0)]
    assert torch.allclose(*codes, atol=1e-4) is not seen
