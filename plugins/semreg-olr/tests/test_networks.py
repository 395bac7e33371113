"""Shapes and options of the encoder and of Table 1's decoder."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from semreg_olr.networks import PLANS, DecoderPlan, LabelEmbeddingEncoder, ReconstructionDecoder, decoder_plan
from torch import nn

# Table 1: the layer, its output's side and channels.
TABLE_1 = [
    (nn.ConvTranspose2d, 12, 128),
    (nn.Conv2d, 12, 64),
    (nn.ConvTranspose2d, 24, 64),
    (nn.Conv2d, 22, 64),
    (nn.ConvTranspose2d, 44, 64),
    (nn.Conv2d, 44, 64),
    (nn.ConvTranspose2d, 88, 64),
    (nn.Conv2d, 88, 64),
    (nn.ConvTranspose2d, 176, 64),
    (nn.Conv2d, 176, 32),
    (nn.Conv2d, 176, 3),
]


def outputs_by_layer(decoder: ReconstructionDecoder, embeddings: torch.Tensor) -> list[tuple[nn.Module, torch.Size]]:
    seen: list[tuple[nn.Module, torch.Size]] = []
    for layer in decoder.layers:
        layer.register_forward_hook(lambda module, _, output: seen.append((module, output.shape)))
    decoder(embeddings)
    return seen


class TestReconstructionDecoder:
    def test_is_table_1_layer_by_layer(self) -> None:
        decoder = ReconstructionDecoder(input_shapes=[(38, 32)])
        seen = outputs_by_layer(decoder, torch.zeros(1, 38, 32))
        assert [shape for _, shape in seen[:4]] == [(1, 1216), (1, 18432), (1, 512, 6, 6), (1, 512, 6, 6)]
        convolutions = [(m, shape) for m, shape in seen if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert [(type(m), shape[2], shape[1]) for m, shape in convolutions] == TABLE_1
        assert all(shape[2] == shape[3] for _, shape in convolutions)
        for layer, _ in convolutions:
            assert layer.kernel_size == (3, 3)
            assert layer.stride == ((2, 2) if isinstance(layer, nn.ConvTranspose2d) else (1, 1))
        # One ReLU after the dense layer and after each convolution, and nothing else that has no place in the table.
        assert sum(isinstance(module, nn.ReLU) for module in decoder.layers) == 1 + len(TABLE_1)
        assert sum(not isinstance(module, nn.Identity) for module in decoder.layers) == 4 + 2 * len(TABLE_1)

    @pytest.mark.parametrize("size", [32, 48, 64, 96, 112, 128])
    @pytest.mark.parametrize("normalization", ["none", "batch", "instance"])
    def test_other_sizes_keep_the_pattern(self, size: int, normalization: Literal["none", "batch", "instance"]) -> None:
        decoder = ReconstructionDecoder(input_shapes=[(5, 4)], size=size, width=0.1, normalization=normalization)
        images = decoder(torch.randn(2, 5, 4))
        assert images.shape == (2, 3, size, size)
        images.sum().backward()
        assert all(parameter.grad is not None for parameter in decoder.parameters())

    def test_output_activation(self) -> None:
        torch.manual_seed(0)
        embeddings = torch.randn(8, 5, 4)
        options: dict[str, Any] = {"input_shapes": [(5, 4)], "size": 48, "width": 0.1}
        assert ReconstructionDecoder(**options)(embeddings).min() >= 0
        assert ReconstructionDecoder(**options, output_activation="none", channels=1)(embeddings).shape[1] == 1
        free = [ReconstructionDecoder(**options, output_activation="none")(embeddings).min() for _ in range(5)]
        assert min(free) < 0


class TestDecoderPlan:
    def test_the_papers_size_and_the_embedded_one(self) -> None:
        assert decoder_plan(176) == DecoderPlan(first=6, doublings=5, trimmed=True)
        assert decoder_plan(48) == DecoderPlan(first=6, doublings=3, trimmed=False)

    @pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.size() <= 128])
    def test_a_plans_size_is_what_its_layers_give(self, plan: DecoderPlan) -> None:
        side = plan.first
        for index in range(plan.doublings):
            side = 2 * side - (2 if plan.trimmed and index == 1 else 0)
        assert side == plan.size()
        assert decoder_plan(side).size() == side

    def test_a_size_out_of_reach_names_its_neighbours(self) -> None:
        with pytest.raises(ValueError, match=r"178 pixels .* 176"):
            decoder_plan(178)


class TestLabelEmbeddingEncoder:
    @pytest.mark.parametrize("normalization", ["none", "batch", "instance"])
    @pytest.mark.parametrize("activation", ["relu", "none"])
    def test_one_row_per_label(
        self, normalization: Literal["none", "batch", "instance"], activation: Literal["relu", "none"]
    ) -> None:
        encoder = LabelEmbeddingEncoder(
            input_shapes=[(1, 32, 32)],
            labels=7,
            embedding_size=5,
            channels=[8, 12],
            normalization=normalization,
            activation=activation,
        )
        embeddings = encoder(torch.randn(3, 1, 32, 32))
        assert embeddings.shape == (3, 7, 5)
        assert (embeddings.min() >= 0) == (activation == "relu")

    def test_a_label_owns_consecutive_maps(self) -> None:
        encoder = LabelEmbeddingEncoder(
            input_shapes=[(3, 16, 16)], labels=4, embedding_size=3, channels=[6], activation="none"
        )
        nn.init.zeros_(encoder.label_maps.weight)
        assert encoder.label_maps.bias is not None
        with torch.no_grad():
            encoder.label_maps.bias.copy_(torch.arange(12.0))
        expected = torch.arange(12.0).reshape(4, 3).expand(2, 4, 3)
        torch.testing.assert_close(encoder(torch.randn(2, 3, 16, 16)), expected)

    def test_rows_are_averages_over_the_maps(self) -> None:
        encoder = LabelEmbeddingEncoder(input_shapes=[(3, 16, 16)], labels=4, embedding_size=3, channels=[6]).eval()
        images = torch.randn(2, 3, 16, 16)
        maps = torch.relu(encoder.label_maps(encoder.backbone(images)))
        torch.testing.assert_close(encoder(images).flatten(1), maps.flatten(2).mean(2))

    def test_a_timm_backbone_by_name(self) -> None:
        encoder = LabelEmbeddingEncoder(input_shapes=[(1, 64, 64)], labels=4, embedding_size=3, backbone="resnet10t")
        assert encoder(torch.randn(2, 1, 64, 64)).shape == (2, 4, 3)
