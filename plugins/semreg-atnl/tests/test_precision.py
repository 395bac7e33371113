"""What bfloat16 costs: codes of it lose the angles of tight classes; networks of it before a last layer don't."""

from __future__ import annotations

import pytest
import torch
from semreg_atnl.functional import angular_triplet_neighbor_loss
from torch import Tensor

from semreg.components.encoders import ConvEncoder, MLPEncoder


def gradient(codes: Tensor, labels: Tensor) -> Tensor:
    leaf = codes.clone().requires_grad_()
    loss = angular_triplet_neighbor_loss(leaf, labels, margin=1.2, neighbors="none", num_classes=8)
    return torch.autograd.grad(loss, leaf)[0]


def test_the_last_layer_keeps_the_angles_of_tight_classes() -> None:
    """Codes of bfloat16, which autocast would make here, are more than half off in their gradient."""
    torch.manual_seed(0)
    labels = torch.arange(48) % 8
    features = torch.randn(8, 16)[labels] + 1e-3 * torch.randn(48, 16)
    last = MLPEncoder(outputs=16, input_shapes=[(16,)], hidden=[])
    expected = gradient(last(features).detach(), labels)
    with torch.autocast("cpu", torch.bfloat16):
        codes = last(features).detach()
    assert torch.equal(gradient(codes, labels), expected)
    rounded = gradient(codes.bfloat16().float(), labels)
    assert (rounded - expected).norm() > 0.4 * expected.norm()


@pytest.mark.parametrize("spread", [0.3, 0.03, 0.003])
def test_an_encoder_in_bfloat16_learns_what_it_learns_in_float32(spread: float) -> None:
    """As classes tighten, to a hundredth of a radian, its gradient stays within two per cent."""
    torch.manual_seed(0)
    encoder = ConvEncoder(outputs=16, input_shapes=[(1, 16, 16)], widths=[8, 16], hidden=[64], activation="silu")
    labels = torch.arange(48) % 8
    images = torch.rand(8, 1, 16, 16)[labels] + spread * torch.randn(48, 1, 16, 16)
    codes, gradients = {}, {}
    for low in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            codes[low] = encoder(images)
            loss = angular_triplet_neighbor_loss(codes[low], labels, margin=1.2, neighbors="ring", num_classes=8)
        found = torch.autograd.grad(loss, list(encoder.parameters()))
        gradients[low] = torch.cat([slope.flatten() for slope in found])
    assert not torch.equal(codes[True], codes[False]), "nothing was in bfloat16"
    assert len(codes[True].unique(dim=0)) == 48, "rounding has made codes equal, between which no gradient points"
    off = (gradients[True] - gradients[False]).norm() / gradients[False].norm()
    assert off < 0.02
