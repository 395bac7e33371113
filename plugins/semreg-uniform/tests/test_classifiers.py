"""Table II at 128×128, number by number, and codes that enter at the last layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.classifiers import MLPTailClassifier, TailClassifier, class_logits
from semreg_uniform.networks import SpatialEncoder
from torch import nn

IMAGE = (3, 128, 128)


def test_the_classifier_is_table_ii(shapes_of: Any) -> None:
    with torch.device("meta"):
        classifier = TailClassifier(classes=147, input_shapes=[IMAGE])
        seen = shapes_of(classifier, [torch.zeros(1, *IMAGE)], (nn.Conv2d, nn.LeakyReLU, nn.Linear))
    assert seen == [
        ("Conv2d", (64, 64, 64)), ("LeakyReLU", (64, 64, 64)),
        ("Conv2d", (128, 32, 32)), ("LeakyReLU", (128, 32, 32)),
        ("HeadLinear", (147,)),
    ]  # fmt: skip
    assert classifier.logits.in_features == 32 * 32 * 128
    assert {c.kernel_size for c in classifier.modules() if isinstance(c, nn.Conv2d)} == {(4, 4)}
    assert {m.negative_slope for m in classifier.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}
    assert classifier.logits.bias is not None


@pytest.mark.parametrize(("size", "width"), [((128, 128), 4), ((32, 48), 3)])
def test_it_reads_the_encoders_codes_at_its_last_layer(size: tuple[int, int], width: int) -> None:
    shape = (3, *size)
    encoder = SpatialEncoder(input_shapes=[shape], width=width)
    classifier = TailClassifier(classes=5, input_shapes=[shape], width=width)
    codes = encoder(torch.randn(2, *shape))
    assert class_logits(classifier, codes).equal(classifier.logits(codes.flatten(1)))
    images = torch.randn(2, *shape)
    assert classifier(images).equal(class_logits(classifier, classifier.features(images)))


def test_the_shallow_one_reads_vectors(shapes_of: Any) -> None:
    classifier = MLPTailClassifier(classes=3, code=7, input_shapes=[(1, 6, 5)], hidden=[4])
    assert shapes_of(classifier, [torch.randn(2, 1, 6, 5)], (nn.Linear, nn.ReLU)) == [
        ("Linear", (4,)), ("ReLU", (4,)), ("Linear", (7,)), ("HeadLinear", (3,)),
    ]  # fmt: skip
    codes = torch.randn(2, 7)
    assert class_logits(classifier, codes).equal(classifier.logits(codes))


def test_what_does_not_fit_is_told() -> None:
    classifier = TailClassifier(classes=3, input_shapes=[(1, 8, 8)], width=2)
    with pytest.raises(ValueError, match=r"tail_classifier.class_logits.*found \(2, 30\): its last layer reads 32"):
        class_logits(classifier, torch.zeros(2, 30))
    with pytest.raises(
        ValueError, match="needs a classifier that reads codes, such as tail_classifier; found a Linear"
    ):
        class_logits(nn.Linear(2, 2), torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"tail_classifier .* divisible by 4, found \(30, 8\)"):
        TailClassifier(classes=3, input_shapes=[(1, 30, 8)])
