"""StarGAN's critic and what its generator reads."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_baselines.stargan import DomainCritic, domain_logits, label_maps
from semreg_uniform.networks import PatchCritic
from torch import nn


def critic(**options: int) -> DomainCritic:
    torch.manual_seed(0)
    return DomainCritic(**{"classes": 5, "input_shapes": [(1, 16, 24)], "width": 4, "layers": 3, **options})


def test_scores_are_the_patch_critics() -> None:
    own = critic()
    other = PatchCritic(input_shapes=[(1, 16, 24)], width=4, layers=3)
    other.load_state_dict({name: value for name, value in own.state_dict().items() if name != "domains.weight"})
    images = torch.randn(3, 1, 16, 24)
    assert own(images).equal(other(images))


def test_domains_are_one_convolution_of_all_that_the_layers_leave() -> None:
    own, images = critic(), torch.randn(3, 1, 16, 24)
    features = own.layers(images).flatten(1)
    torch.testing.assert_close(domain_logits(own, images), features @ own.domains.weight.flatten(1).T)
    assert domain_logits(own, images).shape == (3, 5)
    assert own.domains.bias is None


def test_sizes_are_the_papers() -> None:
    own = DomainCritic(classes=8, input_shapes=[(3, 128, 128)])
    assert own.domains.weight.shape == (8, 2048, 2, 2)
    assert own.score.weight.shape == (1, 2048, 3, 3)


def test_one_image_tells_the_critic_nothing_of_another() -> None:
    own, images = critic(), torch.randn(3, 1, 16, 24)
    torch.testing.assert_close(domain_logits(own, images)[1:2], domain_logits(own, images[1:2]))


@given(st.integers(0, 3), st.integers(1, 3), st.integers(0, 4))
def test_labels_stand_beside_the_pixels(rows: int, channels: int, size: int) -> None:
    images, vectors = torch.randn(rows, channels, 2, 3), torch.randn(rows, size)
    labelled = label_maps(images, vectors)
    assert labelled[:, :channels].equal(images)
    assert labelled[:, channels:].equal(vectors[:, :, None, None].expand(rows, size, 2, 3))


def test_gradients_reach_images_and_vectors() -> None:
    images = torch.randn(2, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    vectors = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(label_maps, (images, vectors))


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match=r"needs a critic that classifies, such as domain_critic; found a Linear"):
        domain_logits(nn.Linear(2, 2), torch.zeros(2, 2))
    for images, vectors in ((torch.zeros(2, 4), torch.zeros(2, 3)), (torch.zeros(2, 1, 4, 4), torch.zeros(3, 3))):
        with pytest.raises(ValueError, match="each image needs a vector"):
            label_maps(images, vectors)
    with pytest.raises(ValueError, match="6 layers halve an image"):
        DomainCritic(classes=2, input_shapes=[(1, 32, 32)])
