"""Inception Score and Fréchet distance, against plain references and on images whose classes are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from semreg.core import DiagonalGaussian
from semreg.evaluation import samples
from semreg.evaluation.samples import fid, inception_score, score_of
from semreg.trained.features import frechet_distance
from tests.evaluation.conftest import CLASSES, drawn
from tests.trained.test_features import weights

__all__ = ["weights"]


@pytest.fixture
def painted(world: Any) -> Any:
    """The world of codes with images generated for each test image: those of the class but for the last three."""
    angle = 2 * math.pi / CLASSES * world.tensors["digit"]["test"]
    angle[-3:] += 2 * math.pi / CLASSES
    world.tensors["x_p"] = {"test": drawn(torch.stack([angle.cos(), angle.sin()], 1))}
    world.functions["features"] = lambda image: image[:, 0, 0, :2]
    return world


def distributions(seed: int, rows: int, classes: int, sharpness: float) -> Tensor:
    logits = torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.softmax(sharpness * logits, 1)


some = st.builds(
    distributions, st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 6), st.sampled_from([0.0, 1.0, 10.0, 1e3])
)


@given(some)
def test_the_score_is_the_mean_divergence_by_its_definition(probability: Tensor) -> None:
    rows = probability.tolist()
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    divergences = [sum(p * math.log(p / q) for p, q in zip(row, mean, strict=True) if q > 0 < p) for row in rows]
    assert score_of(probability) == pytest.approx(math.exp(sum(divergences) / len(rows)), rel=1e-9)


@given(some, st.integers(0, 2**31))
def test_the_score_lies_between_one_and_the_classes_whatever_the_order(probability: Tensor, seed: int) -> None:
    score = score_of(probability)
    assert 1 <= score <= probability.shape[1] * (1 + 1e-12)
    for axis in (0, 1):
        order = torch.randperm(probability.shape[axis], generator=torch.Generator().manual_seed(seed))
        assert score_of(probability.index_select(axis, order)) == pytest.approx(score, rel=1e-9)


@given(some, st.integers(1, 5))
def test_equal_rows_score_one_and_spread_certainties_the_number_of_classes(probability: Tensor, times: int) -> None:
    assert score_of(probability[:1].expand(5, -1)) == pytest.approx(1)
    classes = probability.shape[1]
    assert score_of(torch.eye(classes).repeat(times, 1)) == pytest.approx(classes)


@pytest.mark.parametrize(
    "what",
    [torch.rand(4, 3) + 1, torch.tensor([[-0.5, 1.5]]), torch.zeros(0, 3), torch.ones(4), torch.full((2, 2), math.nan)],
    ids=["sums", "negative", "no image", "no classes", "not finite"],
)
def test_what_are_no_distributions_has_no_score(what: Tensor) -> None:
    with pytest.raises(ValueError, match="each row of sum 1"):
        score_of(what)


def test_scores_and_recognition(painted: Any) -> None:
    result = inception_score(painted.tensor("x_p"), painted.tensor("digit"), judge=painted)
    assert result.figures["recognised"] == pytest.approx(57 / 60)
    assert result.figures["judge_accuracy"] == 1
    assert result.figures["images"] == 60
    assert result.figures["inception_score_real"] == pytest.approx(CLASSES)
    counts = np.array([13, 12, 12, 11, 12]) / 60  # the last three, of classes 2, 3 and 4, look like 3, 4 and 0
    assert result.figures["inception_score"] == pytest.approx(math.exp(-(counts * np.log(counts)).sum()))
    assert [row[2] for row in result.tables[1].rows] == pytest.approx([1, 1, 11 / 12, 11 / 12, 11 / 12])
    assert [row[3] for row in result.tables[1].rows] == [1] * CLASSES
    assert result.pictures[0].title == "Samples by class"


def test_without_labels_there_is_a_score_alone(painted: Any) -> None:
    with_labels = inception_score(painted.tensor("x_p"), painted.tensor("digit"), judge=painted).figures
    result = inception_score(painted.tensor("x_p"), judge=painted, pictures=40)
    assert set(result.figures) == {"inception_score", "inception_score_real", "images"}
    assert result.figures.items() <= with_labels.items()
    assert (len(result.tables), result.pictures[0].title) == (1, "Samples")


def test_a_count_takes_the_first_images_and_passes_over_classes_without_any(painted: Any) -> None:
    result = inception_score(painted.tensor("x_p"), painted.tensor("digit"), judge=painted, count=3)
    assert result.figures["images"] == 3
    assert result.figures["inception_score_real"] == pytest.approx(3)
    assert result.tables[1].rows[4] == ("four", 0, None, None)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(60, 2), r"'x_p' must be images .* one of it has shape \(2,\)"),
        (DiagonalGaussian(torch.zeros(60, 2), torch.zeros(60, 2)), "one of it has DiagonalGaussian"),
        (torch.full((60, 1, 4, 4), math.nan), "'x_p' is not finite for some test images, the first of them 0"),
        (torch.zeros(120, 1, 4, 4), "'x_p' has 120 rows for 60 test images"),
        (torch.zeros(60, 1, 8, 8), r"the judge reads the data's images, .*have shape \(1, 8, 8\)"),
    ],
    ids=["shape", "posterior", "not finite", "rows", "size"],
)
@pytest.mark.parametrize("evaluation", [inception_score, fid])
def test_what_are_no_images_is_refused(evaluation: Any, images: Any, message: str, painted: Any) -> None:
    painted.tensors["x_p"]["test"] = images
    with pytest.raises(ValueError, match=message):
        evaluation(
            painted.tensor("x_p"), painted.tensor("digit" if evaluation is inception_score else "image"), judge=painted
        )


def test_images_are_clipped_to_the_range_before_they_are_judged(painted: Any) -> None:
    received = []

    def judge(image: Tensor) -> Tensor:
        received.append(image)
        return torch.eye(CLASSES)[torch.zeros(len(image), dtype=torch.int64)]

    painted.functions["probability"] = judge
    painted.tensors["x_p"]["test"] = torch.full((60, 1, 4, 4), 3.0)
    inception_score(painted.tensor("x_p"), painted.tensor("digit"), judge=painted)
    assert received[0].max() == 1


def test_the_distance_by_the_judges_features_stands_beside_that_of_training_images(painted: Any) -> None:
    result = fid(painted.tensor("x_p"), painted.tensor("image"), judge=painted)
    tensors = painted.tensors
    real, made, known = (
        images[:60, 0, 0, :2]
        for images in (tensors["image"]["test"], tensors["x_p"]["test"], tensors["image"]["train"])
    )
    assert result.figures == {
        "images": 60,
        "distance_judge": pytest.approx(frechet_distance(made, real)),
        "distance_judge_training": pytest.approx(frechet_distance(known, real)),
    }
    assert "2 features of the judge" in result.tables[0].caption
    assert "span" not in result.tables[0].caption
    assert "2 features of the judge" in result.summary


def test_maps_are_averaged_over_their_positions(painted: Any) -> None:
    plain = fid(painted.tensor("x_p"), painted.tensor("image"), judge=painted).figures
    painted.functions["features"] = lambda image: (
        image[:, 0, 0, :2, None, None] + torch.tensor([[-1.0, 2.0], [1.0, -2.0]])
    )
    maps = fid(painted.tensor("x_p"), painted.tensor("image"), judge=painted).figures
    assert maps == {name: pytest.approx(value, abs=1e-5) for name, value in plain.items()}


def test_fewer_images_than_features_are_finite_and_told(painted: Any) -> None:
    painted.functions["features"] = lambda image: image.flatten(1)
    result = fid(painted.tensor("x_p"), painted.tensor("image"), judge=painted, count=4)
    assert all(math.isfinite(value) for value in result.figures.values())
    assert "4 images don't span 16 features" in result.tables[0].caption


def test_one_image_has_no_distance(painted: Any) -> None:
    painted.tensors["x_p"]["test"] = painted.tensors["x_p"]["test"][:1]
    for split in ("train", "test"):
        painted.tensors["image"][split] = painted.tensors["image"][split][:1]
        painted.counts[split] = 1
    with pytest.raises(ValueError, match="two images of each kind"):
        fid(painted.tensor("x_p"), painted.tensor("image"), judge=painted)


def test_distances_by_inception_stand_beside_the_judges(painted: Any, weights: Path) -> None:
    result = fid(painted.tensor("x_p"), painted.tensor("image"), judge=painted, inception_weights=str(weights))
    assert set(result.figures) == {
        "images", "distance_judge", "distance_judge_training", "distance_inception", "distance_inception_training"
    }  # fmt: skip
    assert "by 2 features of the judge and by 6 features of Inception" in result.tables[0].caption
    assert len(result.tables[0].rows[0]) == 4


@pytest.mark.parametrize(("rows", "said"), [(20, ""), (2, f" Shown: 2 of {CLASSES} classes."), (CLASSES, "")])
def test_classes_that_are_not_shown_are_said(
    rows: int, said: str, painted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST_ROWS", rows)
    [picture] = inception_score(painted.tensor("x_p"), painted.tensor("digit"), judge=painted).pictures
    assert picture.caption == f"Decoded from random codes, unselected.{said}"
