"""The building blocks of encoders and decoders: shapes, and what they refuse."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from einops import EinopsError
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from semreg.components.layers import (
    Activation,
    HeadConv2d,
    HeadLinear,
    Normalization,
    flatten,
    hidden_layers,
    image_shape,
    make_activation,
    make_normalization,
    map_output,
    output_layers,
)


@pytest.mark.parametrize("kind", get_args(Activation))
def test_an_activation_keeps_what_is_large_and_dampens_what_is_negative(kind: Activation) -> None:
    x = torch.tensor([-2.0, 0.0, 20.0])
    low, middle, high = make_activation(kind)(x).tolist()
    assert -0.5 < low <= 0
    assert middle == 0
    assert high == pytest.approx(20)
    assert make_activation(kind) is not make_activation(kind)


@pytest.mark.parametrize(
    ("head", "plain", "inputs"),
    [
        (HeadLinear(3, 2), nn.Linear(3, 2), torch.randn(5, 3)),
        (HeadConv2d(3, 2, 1), nn.Conv2d(3, 2, 1), torch.randn(5, 3, 4, 4)),
    ],
)
def test_heads_are_the_plain_layers_but_in_float32(head: nn.Module, plain: nn.Module, inputs: torch.Tensor) -> None:
    plain.load_state_dict(head.state_dict())
    expected = plain(inputs)
    assert torch.equal(head(inputs), expected)
    assert head.double()(inputs.double()).dtype == torch.float64
    head.float()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(inputs), expected)
        assert not torch.equal(plain(inputs).float(), expected)
        low = inputs.bfloat16().requires_grad_()
        found = head(low)
    assert torch.equal(found, plain(low.float()))
    found.sum().backward()
    assert low.grad is not None
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in head.parameters())


def test_a_leaky_activation_has_the_slope_of_gans() -> None:
    assert make_activation("leaky_relu")(torch.tensor([-1.0])).item() == pytest.approx(-0.2)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(get_args(Normalization)), st.integers(1, 24), st.integers(1, 3))
def test_a_normalization_standardises_or_refuses_and_never_gives_nothing(
    kind: Normalization, channels: int, side: int
) -> None:
    maps = torch.randn(5, channels, side, side, generator=torch.Generator().manual_seed(channels))
    groups = {"instance": channels, "group": math.gcd(8, channels)}.get(kind, 1)
    if kind in ("instance", "group") and side == 1 and groups == channels:
        with pytest.raises(ValueError, match=f"normalization = {kind!r} on {channels} maps of 1 pixel"):
            make_normalization(kind, channels, side**2)
        return
    result = make_normalization(kind, channels, side**2)(maps)
    assert result.shape == maps.shape
    assert result.abs().max() > 0.1
    if kind == "none":
        assert torch.equal(result, maps)
    else:
        standardised = result.transpose(0, 1) if kind == "batch" else result.reshape(5 * groups, -1)
        assert standardised.flatten(1).mean(1).abs().max() < 1e-4


def test_an_affine_normalization_learns() -> None:
    for kind in ("batch", "instance", "group"):
        assert len(list(make_normalization(kind, 8, 4).parameters())) == 2  # type: ignore[arg-type]


@given(st.integers(1, 9), st.lists(st.integers(1, 9), max_size=3))
def test_hidden_layers_lead_from_width_to_width(inputs: int, hidden: list[int]) -> None:
    layers, outputs = hidden_layers(inputs, hidden, "gelu")
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    assert [layer.in_features for layer in linear] + [outputs] == [inputs, *hidden]
    assert [type(layer) for layer in layers[1::2]] == [nn.GELU] * len(hidden)
    assert nn.Sequential(*layers)(torch.zeros(2, inputs)).shape == (2, outputs)


@pytest.mark.parametrize(("outputs", "shape"), [(3, (2, 3)), ([3], (2, 3)), ([3, 4, 5], (2, 3, 4, 5)), (0, (2, 7))])
def test_the_last_layer_has_the_shape_asked_for(outputs: int | list[int], shape: tuple[int, ...]) -> None:
    assert nn.Sequential(*output_layers(7, outputs))(torch.zeros(2, 7)).shape == shape
    assert len(output_layers(7, outputs)) == (0 if outputs == 0 else 1 if isinstance(outputs, int) else 2)


def test_maps_keep_their_places() -> None:
    maps = torch.randn(2, 7, 3, 5, generator=torch.Generator().manual_seed(0))
    layer = map_output(7, 4)
    assert layer(maps).shape == (2, 4, 3, 5)
    assert torch.allclose(layer(maps[:, :, 1:2, 2:3]), layer(maps)[:, :, 1:2, 2:3], atol=1e-6)
    assert map_output(7, 0)(maps) is maps
    with pytest.raises(ValueError, match=r"outputs = \[3, 4\] with head = 'maps'"):
        map_output(7, [3, 4])


def test_an_encoder_has_one_image() -> None:
    assert image_shape([(3, 8, 9)]) == (3, 8, 9)
    for shapes, found in (([], "none"), ([(64,)], r"\(batch, 64\)"), ([(1, 8, 8)] * 2, r"\(batch, 1, 8, 8\), ")):
        with pytest.raises(ValueError, match=f'one input "batch channels height width", found {found}'):
            image_shape(shapes)


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3))
def test_tensors_are_joined_row_by_row_in_their_order(shapes: list[list[int]]) -> None:
    tensors = [torch.randn(4, *shape) for shape in shapes]
    joined = flatten(tensors)
    for row in range(4):
        assert joined[row].tolist() == [number for tensor in tensors for number in tensor[row].flatten().tolist()]


def test_a_label_is_no_vector() -> None:
    with pytest.raises(EinopsError):
        flatten([torch.zeros(4, 2), torch.zeros(4)])
