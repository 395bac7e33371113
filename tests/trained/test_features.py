"""Features of images by trained classifiers, and how far two sets of images are apart by them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torchmetrics.image import fid as inception

from semreg.core import ImageField, UserError
from semreg.testing import FakeRun
from semreg.trained.features import feature_extractors, frechet_distance
from tests.hostile import Bomb


def features(seed: int, rows: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.randn(rows, size, generator=generator, dtype=torch.float64) @ mixed + mixed[0]


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(2, 30), st.integers(2, 30), st.integers(1, 6))
def test_the_distance_is_that_of_scipys_square_root(seed: int, first: int, second: int, size: int) -> None:
    """Also where fewer images than features make the covariances singular."""
    a, b = features(seed, first, size), features(seed + 1, second, size)
    distance = frechet_distance(a, b)
    covariances = [np.atleast_2d(np.cov(part.numpy(), rowvar=False)) for part in (a, b)]
    root = sqrtm(covariances[0] @ covariances[1] + 1e-12 * np.eye(size)).real
    means = float((a.mean(0) - b.mean(0)).square().sum())
    expected = means + np.trace(covariances[0] + covariances[1] - 2 * root)
    scale = means + np.trace(covariances[0] + covariances[1])
    assert distance == pytest.approx(expected, abs=1e-4 * scale + 1e-4)
    assert 0 <= distance <= scale * (1 + 1e-9)
    assert frechet_distance(b, a) == pytest.approx(distance, abs=1e-5 * scale)
    assert frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-5 * scale)


def world(shown: Callable[..., Tensor] = lambda image: image[:, 0, 0, :2]) -> FakeRun:
    """A judge of images of 4 × 4 pixels, in whose features these are seen."""
    return FakeRun(
        tensors={"image": {"test": torch.zeros(1, 1, 4, 4)}},
        functions={"features": shown},
        fields={"image": ImageField(1, 4, 4)},
    )


class Net(nn.Module):
    """In the place of Inception: keeps what it is given."""

    def __init__(self, *, feature_extractor_weights_path: str, **options: Any) -> None:
        super().__init__()
        if "good" not in torch.load(feature_extractor_weights_path, weights_only=False):
            raise RuntimeError("missing keys")
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return images[:, :, 0, :2].flatten(1).float()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inception, "_TORCH_FIDELITY_AVAILABLE", True)
    monkeypatch.setattr(inception, "NoTrainInceptionV3", Net)
    path = tmp_path / "weights.pth"
    torch.save({"good": torch.zeros(1)}, path)
    return path


def test_inceptions_features_are_of_colour_bytes(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nets: list[Net] = []
    make = inception.NoTrainInceptionV3
    monkeypatch.setattr(inception, "NoTrainInceptionV3", lambda **options: nets.append(make(**options)) or nets[0])
    run = world()
    run.value_range = (-1.0, 1.0)
    extractors = feature_extractors(run, run, str(weights))
    assert set(extractors) == {"judge", "inception"}
    images = torch.rand(100, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = extractors["inception"](images)
    assert sum(map(len, nets[0].seen)) == 100
    first = nets[0].seen[0]
    assert (first.dtype, first.shape[1:]) == (torch.uint8, (3, 4, 4))
    expected = ((images + 1) / 2 * 255).round()
    assert all(torch.equal(first[:, channel].float(), expected[: len(first), 0]) for channel in range(3))
    assert torch.equal(found, expected[:, 0, 0, :2].repeat(1, 3))


def test_the_judges_maps_are_averaged_over_their_positions() -> None:
    images = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    maps = torch.tensor([[-1.0, 2.0], [1.0, -2.0]])
    shown = {"vectors": lambda image: image[:, 0, 0, :2], "maps": lambda image: image[:, 0, 0, :2, None, None] + maps}
    found = [feature_extractors(world(each), world())["judge"](images) for each in shown.values()]
    torch.testing.assert_close(found[0], images[:, 0, 0, :2])
    torch.testing.assert_close(found[1], found[0])


def test_without_weights_there_are_the_judges_features_alone() -> None:
    assert set(feature_extractors(world(), world())) == {"judge"}
    with pytest.raises(ValueError, match=r"the judge reads the data's images, .*have shape \(1, 8, 8\)"):
        feature_extractors(world(), world())["judge"](torch.zeros(2, 1, 8, 8))


def test_weights_that_cannot_be_used_are_told(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def used(path: Path) -> None:
        feature_extractors(world(), world(), str(path))

    with pytest.raises(UserError, match="there is no such file"):
        used(weights.with_name("none.pth"))
    torch.save({"other": torch.zeros(1)}, weights)
    with pytest.raises(UserError, match="no weights of Inception, as torch-fidelity takes them: missing keys"):
        used(weights)
    weights.write_bytes(pickle.dumps(Bomb(sentinel := weights.with_name("opened"))))
    with pytest.raises(UserError, match="no weights of Inception"):
        used(weights)
    torch.save({"good": Bomb(sentinel)}, weights)
    with pytest.raises(UserError, match="no weights of Inception"):
        used(weights)
    assert not sentinel.exists()
    torch.save({"good": torch.zeros(1)}, weights)
    monkeypatch.setattr(inception, "_TORCH_FIDELITY_AVAILABLE", False)
    with pytest.raises(ValueError, match="pip install torch-fidelity"):
        used(weights)
