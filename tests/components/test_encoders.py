"""The encoders: shapes at every size, options, gradients, precision, determinism, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest
import timm
import torch
from einops import EinopsError
from torch import nn

from semreg.components.encoders import ConvEncoder, MLPEncoder, TimmEncoder
from semreg.components.pretrained import without_weights

SIZES = [8, 28, 48, 64, 178]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("head", "expected"), [("linear", ()), ("pool_linear", ()), ("maps", None)])
def test_conv_shapes(size: int, channels: int, head: Any, expected: tuple[int, ...] | None) -> None:
    encoder = ConvEncoder(outputs=5, input_shapes=[(channels, size, size)], widths=[4, 8, 8, 8], head=head)
    if expected is None:
        side = -(-size // 16)
        expected = (side, side)
    assert encoder(torch.rand(2, channels, size, size)).shape == (2, 5, *expected)


def test_conv_options() -> None:
    images = torch.rand(3, 3, 20, 12)
    shapes = [tuple(images.shape[1:])]
    assert ConvEncoder(outputs=[4, 2], input_shapes=shapes, widths=[8], hidden=[6])(images).shape == (3, 4, 2)
    assert ConvEncoder(outputs=0, input_shapes=shapes, widths=[8], head="maps")(images).shape == (3, 8, 10, 6)
    assert ConvEncoder(outputs=0, input_shapes=shapes, widths=[8], head="pool_linear")(images).shape == (3, 8)
    assert ConvEncoder(outputs=7, input_shapes=shapes, widths=[8, 8], kernel=4)(images).shape == (3, 7)


@pytest.mark.parametrize("normalization", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu"])
def test_every_parameter_learns(normalization: Any, activation: Any) -> None:
    torch.manual_seed(0)
    encoder = ConvEncoder(
        outputs=3,
        input_shapes=[(1, 16, 16)],
        widths=[8, 8],
        hidden=[8],
        normalization=normalization,
        activation=activation,
    )
    encoder(torch.rand(4, 1, 16, 16)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_constant_and_single_images_stay_finite() -> None:
    for normalization in ("batch", "instance", "group", "none"):
        encoder = ConvEncoder(outputs=3, input_shapes=[(1, 16, 16)], widths=[8, 8], normalization=normalization)  # type: ignore[arg-type]
        output = encoder(torch.zeros(1, 1, 16, 16))
        output.sum().backward()
        assert output.isfinite().all()
        assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters() if parameter.grad is not None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shapes": [(1, 8, 8)], "kernel": 4}, r"4 widths halve an image of \(8, 8\) to nothing"),
        ({"input_shapes": [(1, 8, 8)], "normalization": "instance"}, "128 maps of 1 pixel"),
        ({"input_shapes": [(64,)]}, r'"batch channels height width", found \(batch, 64\)'),
        ({"input_shapes": [(1, 8, 8), (3,), (1, 8, 8)]}, r"found \(batch, 1, 8, 8\), \(batch, 1, 8, 8\)"),
        ({"input_shapes": [(1, 64, 64)], "head": "maps", "outputs": [3, 4]}, "maps have one number of channels"),
        ({"input_shapes": [(1, 64, 64)], "head": "maps", "hidden": [3]}, "head = 'maps' has none"),
    ],
)
def test_what_conv_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvEncoder(**{"outputs": 3, **options})


def test_mlp_joins_its_inputs() -> None:
    image, code = torch.rand(2, 1, 4, 4), torch.rand(2, 3)
    encoder = MLPEncoder(outputs=[2, 5], input_shapes=[(1, 4, 4), (3,)], hidden=[8], activation="silu")
    assert encoder(image, code).shape == (2, 2, 5)
    assert not torch.equal(encoder(image, code), encoder(image, code + 1))
    linear = MLPEncoder(outputs=5, input_shapes=[(3,)], hidden=[])
    torch.testing.assert_close(linear(code) + linear(-code), 2 * linear(torch.zeros_like(code)))
    assert MLPEncoder(outputs=0, input_shapes=[(3,)], hidden=[7])(code).shape == (2, 7)


def test_mlp_takes_no_label_for_a_number() -> None:
    encoder = MLPEncoder(outputs=5, input_shapes=[(3,), ()], hidden=[])
    with pytest.raises(EinopsError, match="expected >=2 dims"):
        encoder(torch.rand(2, 3), torch.tensor([0, 1]))


@pytest.mark.parametrize("seed", [0, 1])
def test_seeds_decide_the_weights(seed: int) -> None:
    def made(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        encoder = ConvEncoder(outputs=3, input_shapes=[(1, 16, 16)], widths=[8])
        return nn.utils.parameters_to_vector(encoder.parameters())

    assert torch.equal(made(seed), made(seed))
    assert not torch.equal(made(seed), made(seed + 1))


def test_bfloat16_autocast_is_close_to_float32() -> None:
    torch.manual_seed(0)
    images = torch.rand(8, 3, 32, 32)
    for encoder in (
        ConvEncoder(outputs=6, input_shapes=[(3, 32, 32)], widths=[8, 16], hidden=[16]),
        MLPEncoder(outputs=6, input_shapes=[(3, 32, 32)]),
    ):
        expected = encoder(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = encoder(images)
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
        assert not torch.equal(found, expected), "the layers before the last one are in bfloat16"


class TestTimm:
    @pytest.mark.parametrize("model", ["resnet10t", "vit_tiny_patch16_224"])
    def test_codes_and_maps_of_grey_images(self, model: str) -> None:
        images = torch.rand(2, 1, 48, 48)
        shapes = [(1, 48, 48)]
        assert TimmEncoder(model=model, outputs=5, input_shapes=shapes)(images).shape == (2, 5)
        assert TimmEncoder(model=model, outputs=[5, 3], input_shapes=shapes)(images).shape == (2, 5, 3)
        maps = TimmEncoder(model=model, outputs=0, input_shapes=shapes, head="maps").eval()(images)
        assert maps.ndim == 4
        assert TimmEncoder(model=model, outputs=5, input_shapes=shapes, head="maps")(images).shape == (
            2,
            5,
            *maps.shape[2:],
        )

    @pytest.mark.parametrize(("model", "size"), [("vit_tiny_patch16_224", 48), ("crossvit_tiny_240", 240)])
    def test_only_the_head_is_in_float32_under_autocast(self, model: str, size: int) -> None:
        torch.manual_seed(0)
        images = torch.rand(1, 1, size, size)
        encoder = TimmEncoder(model=model, outputs=5, input_shapes=[(1, size, size)]).eval()
        with torch.no_grad():
            expected = encoder(images)
            torch.testing.assert_close(encoder.model(images), expected, rtol=0, atol=0)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = encoder(images)
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
        assert not torch.equal(found, expected)
        assert not torch.equal(found.bfloat16().float(), found)

    def test_channels_last_features_are_turned(self) -> None:
        encoder = TimmEncoder(model="swin_tiny_patch4_window7_224", outputs=0, input_shapes=[(3, 64, 64)], head="maps")
        assert encoder(torch.rand(1, 3, 64, 64)).shape == (1, 768, 2, 2)

    def test_an_unknown_model_is_met_with_the_closest_names(self) -> None:
        with pytest.raises(ValueError, match="timm has no model 'resnt18'; did you mean 'resnet18'"):
            TimmEncoder(model="resnt18", outputs=5, input_shapes=[(3, 48, 48)])

    def test_weights_that_cannot_be_downloaded_are_said_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def offline(*_: object, **__: object) -> None:
            raise OSError("no network")

        monkeypatch.setattr("timm.create_model", offline)
        with pytest.raises(ValueError, match="'resnet10t' with pretrained = true: no network"):
            TimmEncoder(model="resnet10t", outputs=5, input_shapes=[(3, 48, 48)], pretrained=True)

    def test_what_is_only_tried_out_fetches_no_weights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, fetched = timm.create_model, []

        def noted(name: str, *, pretrained: bool, **options: Any) -> nn.Module:
            fetched.append(pretrained)
            return cast("nn.Module", made(name, pretrained=False, **options))

        monkeypatch.setattr("timm.create_model", noted)
        with without_weights():
            TimmEncoder(model="resnet10t", outputs=5, input_shapes=[(3, 48, 48)], pretrained=True)
        TimmEncoder(model="resnet10t", outputs=5, input_shapes=[(3, 48, 48)], pretrained=True)
        assert fetched == [False, True]

    def test_timm_is_imported_only_by_its_users(self) -> None:
        code = "import sys, semreg.components.encoders; sys.exit('timm' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("head", ["linear", "pool_linear"])
def test_vectors_beside_the_image_reach_the_code(head: Any) -> None:
    encoder = ConvEncoder(outputs=5, input_shapes=[(1, 8, 8), (3,), (2,)], widths=[4, 4], head=head, hidden=[7]).eval()
    image, label, more = torch.randn(6, 1, 8, 8), torch.randn(6, 3), torch.randn(6, 2)
    code = encoder(image, label, more)
    assert code.shape == (6, 5)
    for changed in (encoder(image, label + 1, more), encoder(image, label, more + 1), encoder(image + 1, label, more)):
        assert not torch.allclose(changed, code)


def test_maps_have_no_place_for_vectors() -> None:
    with pytest.raises(ValueError, match="vectors beside the image need layers that are fully connected"):
        ConvEncoder(outputs=5, input_shapes=[(1, 8, 8), (3,)], widths=[4], head="maps")
