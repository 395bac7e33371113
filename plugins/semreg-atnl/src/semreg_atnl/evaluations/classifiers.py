"""The two classifiers of Table II, trained on images and tested on the test images."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import cross_entropy

from semreg.components.encoders import ConvEncoder

WIDTHS = (32, 64, 128)
BATCH = 64
LEARNING_RATE = 1e-3


def nearest_neighbors(images: Tensor, labels: Tensor, test_images: Tensor, *, neighbors: int) -> Tensor:
    """The majority among the nearest training images by the Euclidean distance of their pixels, int64 `(test,)`.

    Args:
        images: `(rows, channels, height, width)`.
        labels: int64 `(rows,)`.
        test_images: `(test, channels, height, width)`.
        neighbors: how many vote.
    """
    from sklearn.neighbors import KNeighborsClassifier

    known, asked = (
        rearrange(part, "rows channels height width -> rows (channels height width)").numpy()
        for part in (images, test_images)
    )
    model = KNeighborsClassifier(neighbors, algorithm="brute").fit(known, labels.numpy())
    return torch.from_numpy(model.predict(asked))


def convolutional(
    images: Tensor,
    labels: Tensor,
    chances: Tensor,
    test_images: Tensor,
    *,
    classes: int,
    iterations: int,
    device: torch.device,
    generator: torch.Generator,
) -> Tensor:
    """The verdicts of a small convolutional net, int64 `(test,)`: three layers of stride 2, trained by Adam.

    Args:
        images: `(rows, channels, height, width)`.
        labels: int64 `(rows,)`.
        chances: how often each image comes into a batch, in proportion, float `(rows,)`.
        test_images: `(test, channels, height, width)`.
        classes: how many there are.
        iterations: batches to train on.
        device: where to train.
        generator: source of the initial weights and of the batches.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # of all it would warn
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        net = ConvEncoder(outputs=classes, input_shapes=[tuple(images.shape[1:])], widths=WIDTHS).to(device)
    optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
    images, labels = images.to(device), labels.to(device)
    for _ in range(iterations):
        batch = torch.multinomial(chances, BATCH, replacement=True, generator=generator).to(device)
        optimizer.zero_grad()
        torch.autograd.backward(cross_entropy(net(images[batch]), labels[batch]))
        optimizer.step()
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part.to(device)).argmax(1).cpu() for part in torch.split(test_images, 1024)])
