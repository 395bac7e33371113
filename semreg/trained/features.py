"""Features of images by trained classifiers, and the distance between two sets of images in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from einops import rearrange
from torch import Tensor, nn

from semreg.core import TrainedRun, UserError
from semreg.core.errors import cause_of
from semreg.trained.classes import judge_sees
from semreg.trained.rows import Gathered

INCEPTION_FEATURES, INCEPTION_BATCH = 2048, 64


def feature_extractors(
    judge: TrainedRun, run: TrainedRun, inception_weights: str | None = None
) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return functions from images `(images, channels, height, width)` in a run's range to features
    `(images, features)`, by name.

    `judge`: a judge's tensor `features`, maps averaged over their positions; with the file of its weights also
    `inception`. Raises UserError if the file is not such a file, ValueError without torch-fidelity.
    """
    extractors: dict[str, Callable[[Tensor], Tensor]] = {"judge": partial(_judge_features, judge)}
    if inception_weights is not None:
        extractors["inception"] = _inception_features(inception_weights, run)
    return extractors


def features_of(batches: Iterable[Tensor], extractors: Mapping[str, Callable[[Tensor], Tensor]]) -> dict[str, Tensor]:
    """Return the features `(images, features)` of batches of images, by the names of their extractors."""
    found = {name: Gathered() for name in extractors}
    for images in batches:
        for name, features in extractors.items():
            found[name].add(features(images))
    return {name: features.value for name, features in found.items()}


def frechet_distance(generated: Tensor, real: Tensor) -> float:
    """Return |μ − μ'|² + tr(Σ + Σ' − 2(ΣΣ')^½) of features `(images, features)`, at least two images each;
    in float64."""
    from torchmetrics.image.fid import FrechetInceptionDistance  # takes a second

    metric = FrechetInceptionDistance(feature=_AsTheyAre(real.shape[1]))
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return max(0.0, float(metric.compute()))  # rounding may make it negative


class _AsTheyAre(nn.Module):
    """Passes features through where torchmetrics needs a network that extracts them."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def _judge_features(judge: TrainedRun, images: Tensor) -> Tensor:
    features = judge_sees(judge, "features", images)
    return rearrange(features, "rows maps ... -> rows maps (...)").mean(2) if features.ndim > 2 else features


def _inception_features(weights: str, run: TrainedRun) -> Callable[[Tensor], Tensor]:
    """Return the last pooled features of Inception, `(images, 2048)`, of images in the run's range.

    Raises ValueError without torch-fidelity, UserError if the file is missing or has other weights.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    if not os.path.isfile(weights):
        raise UserError(weights, "there is no such file; inception_weights names that of torch-fidelity's weights")
    try:
        torch.load(weights, map_location="cpu", weights_only=True)  # torch-fidelity would run code in the file
        metric = FrechetInceptionDistance(feature=INCEPTION_FEATURES, feature_extractor_weights_path=weights)
    except ModuleNotFoundError:
        raise ValueError("inception_weights needs the package torch-fidelity: pip install torch-fidelity") from None
    except Exception as error:  # other files fail in many ways
        raise UserError(weights, f"no weights of Inception, as torch-fidelity takes them: {cause_of(error)}") from error
    net = metric.inception.to(run.device)
    low, high = run.value_range

    def features(images: Tensor) -> Tensor:
        pixels = ((images - low) / (high - low) * 255).round().byte().expand(-1, 3, -1, -1)
        with torch.inference_mode():
            return torch.cat([net(part.to(run.device)).cpu() for part in torch.split(pixels, INCEPTION_BATCH)])

    return features
