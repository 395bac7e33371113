"""The label-conditional critic: what a label adds, its Lipschitz bound, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from semreg_gmprior.critic import ProjectionCritic
from torch import Tensor


def critic(**options: object) -> ProjectionCritic:
    torch.manual_seed(0)
    settings = {"classes": 3, "input_shapes": [(1, 8, 8), ()], "widths": (4, 6), **options}
    return ProjectionCritic(**settings)  # type: ignore[arg-type]


def images(rows: int = 5) -> Tensor:
    return torch.randn(rows, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_a_label_adds_the_projection_on_its_vector() -> None:
    net = critic().eval()
    labels = torch.tensor([0, 1, 2, 2, 0])
    features = net.features(images()).sum((2, 3))
    without, scores = net(images()), net(images(), labels)
    assert without.shape == scores.shape == (5, 1)
    torch.testing.assert_close(scores - without, (net.vectors.weight[labels] * features).sum(1, keepdim=True))
    torch.testing.assert_close(without, features @ net.score.weight.T + net.score.bias)


def test_without_labels_the_vectors_of_classes_have_no_gradient() -> None:
    net = critic()
    net(images()).sum().backward()
    vectors = net.vectors.parametrizations.weight.original
    assert vectors.grad is None
    net(images(), torch.tensor([0, 0, 0, 0, 0])).sum().backward()
    assert vectors.grad is not None


def test_every_weight_is_of_spectral_norm_one() -> None:
    net = critic()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(50)
        for _ in range(50):
            net(images(), torch.zeros(5, dtype=torch.int64))
    net.eval()
    weights = [net.score.weight, net.vectors.weight, net.features[0].weight, net.features[2].weight]
    for weight in weights:
        norm = torch.linalg.matrix_norm(weight.detach().flatten(1), 2)
        torch.testing.assert_close(norm, torch.tensor(1.0), rtol=1e-3, atol=0)


def test_in_evaluation_a_call_changes_nothing() -> None:
    net = critic().eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert torch.equal(net(images()), net(images()))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_each_image_is_scored_by_itself() -> None:
    net = critic().eval()
    labels = torch.tensor([0, 1, 2, 1, 0])
    torch.testing.assert_close(net(images(), labels)[1:3], net(images()[1:3], labels[1:3]))
    assert net(images(0), labels[:0]).shape == (0, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (4, 4, 4, 4)}, r"4 widths halve an image of \(8, 8\) to nothing"),
        ({"input_shapes": [(16,)]}, r"takes images and labels, critic\(image, label\); found shapes \(16,\)"),
    ],
)
def test_inputs_that_are_no_images_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        critic(**options)


def test_calls_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="not images"):
        critic()(torch.zeros(5, 64))
    with pytest.raises(ValueError, match="there are 3 classes, 0 to 2; found labels from 0 to 3"):
        critic()(images(), torch.tensor([0, 1, 2, 3, 0]))
