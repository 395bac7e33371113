"""What fresh classifiers read from codes that tell the class plainly, in part, or not at all."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from semreg.core import DiagonalGaussian
from semreg.evaluation.leakage import leakage
from semreg.evaluation.probes import linear_probe
from semreg.testing import FakeRun

COUNTS = {"train": 400, "test": 200}


@pytest.fixture
def corners(world: FakeRun) -> FakeRun:
    """Codes near the corners of a square, those of a diagonal of one class: no line parts the two."""
    generator = torch.Generator().manual_seed(1)
    for split, count in COUNTS.items():
        signs = torch.randint(2, (count, 2), generator=generator)
        world.tensors["z"][split] = 2.0 * signs - 1 + 0.1 * torch.randn(count, 2, generator=generator)
        world.tensors["digit"][split] = (signs[:, 0] == signs[:, 1]).long()
    return world


def test_a_code_that_tells_the_class_leaks_it_all(world: Any) -> None:
    result = leakage(world.tensor("z"), world.tensor("digit"))
    assert set(result.figures) == {"linear_means", "mlp_means", "chance"}
    assert result.figures["linear_means"] == 1
    assert result.figures["mlp_means"] > 0.9
    assert result.figures["chance"] == pytest.approx(0.2)
    assert "chance 20.0%" in result.summary
    assert len(result.pictures) == 1


def test_an_mlp_reads_what_no_linear_probe_can(corners: Any) -> None:
    figures = leakage(corners.tensor("z"), corners.tensor("digit")).figures
    assert figures["linear_means"] < 0.7
    assert figures["mlp_means"] > 0.97
    ones = corners.tensors["digit"]["test"].float().mean()
    assert figures["chance"] == pytest.approx(float(max(ones, 1 - ones)))


def test_noise_leaks_nothing(corners: Any) -> None:
    for split, count in COUNTS.items():
        corners.tensors["z"][split] = torch.randn(count, 2, generator=torch.Generator().manual_seed(count))
    figures = leakage(corners.tensor("z"), corners.tensor("digit")).figures
    assert max(figures["linear_means"], figures["mlp_means"]) < 0.62


def test_a_random_code_is_read_with_and_without_its_noise(corners: Any) -> None:
    generator = torch.Generator().manual_seed(2)
    for split in COUNTS:
        corners.tensors["z"][split] *= 1e-3
        noise = torch.randn(corners.tensors["z"][split].shape, generator=generator)
        corners.drawn["z"] = {**corners.drawn["z"], split: corners.tensors["z"][split] + noise}
    result = leakage(corners.tensor("z"), corners.tensor("digit"))
    assert result.figures["mlp_means"] > 0.97
    assert result.figures["mlp_samples"] < 0.65
    assert result.tables[0].columns == ("classifier", "means", "samples")


def test_the_linear_probe_is_that_of_the_evaluation(world: Any) -> None:
    for rows in world.tensors["z"].values():
        rows.add_(torch.randn(rows.shape, generator=torch.Generator().manual_seed(3)))
    alone = linear_probe(world.tensor("z"), world.tensor("digit")).figures["accuracy"]
    assert leakage(world.tensor("z"), world.tensor("digit")).figures["linear_means"] == alone
    assert 0.3 < alone < 1


def test_the_recipes_own_classifier_stands_beside(world: Any) -> None:
    labels = world.tensors["digit"]["test"]
    logits = torch.zeros(len(labels), 5)
    logits[:, 0] = math.log(4)  # half of the probability
    world.tensors["c"] = world.drawn["c"] = {"test": logits}
    figures = leakage(world.tensor("z"), world.tensor("digit"), world.tensor("c")).figures
    assert figures["classifier_means"] == pytest.approx(0.2)
    expected = 0.2 * math.log(2) + 0.8 * math.log(8)
    assert figures["classifier_cross_entropy_means"] == pytest.approx(expected, rel=1e-5)


def test_spatial_codes_are_read_as_vectors(corners: Any) -> None:
    flat = leakage(corners.tensor("z"), corners.tensor("digit")).figures
    for name in ("tensors", "drawn"):
        codes = getattr(corners, name)
        codes["z"] = {split: rows.view(-1, 2, 1, 1) for split, rows in codes["z"].items()}
    assert leakage(corners.tensor("z"), corners.tensor("digit")).figures == flat


def test_one_state_of_the_generator_gives_one_result(corners: Any) -> None:
    first, second = (
        leakage(corners.tensor("z"), corners.tensor("digit"), count=100, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    )
    assert first.figures == second.figures
    assert "trained on 100 training codes" in first.tables[0].caption


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("digit", torch.full((100,), 3), "all training images are of class 'three'"),
        ("digit", torch.tensor([1] * 99 + [2]), "class 'two' has one training image"),
        ("z", torch.full((100, 2), torch.nan), "not finite for 100 of the 100 train images"),
        ("z", DiagonalGaussian(torch.zeros(100, 2), torch.zeros(100, 2)), "is a DiagonalGaussian"),
        ("z", torch.zeros(100), r"must be codes \(batch, code\)"),
    ],
    ids=["one class", "one image", "not finite", "posterior", "no axis"],
)
def test_what_cannot_be_read_is_refused(name: str, values: Any, message: str, world: Any) -> None:
    world.tensors[name]["train"] = values
    if isinstance(values, DiagonalGaussian):
        world.tensors[name]["test"] = values
    with pytest.raises(ValueError, match=message):
        leakage(FakeSlice(world, "z"), world.tensor("digit"))  # type: ignore[arg-type]


class FakeSlice:
    """A handle whose values may be a posterior."""

    def __init__(self, run: FakeRun, name: str) -> None:
        self.run, self.name = run, name

    def read(self, split: str, **_: Any) -> Any:
        return self.run.tensors[self.name][split]


def test_of_many_classes_the_mlp_stops_by_as_many_images(world: Any) -> None:
    result = leakage(world.tensor("z"), world.tensor("digit"), count=30)  # of 5 classes: more than a tenth
    assert result.figures["linear_means"] == 1


def test_the_images_are_those_of_the_split(corners: Any) -> None:
    for name in ("z", "digit"):
        values = corners.tensors[name]
        values["validation"], values["test"] = values["test"], 0 * values["test"]
        corners.drawn[name] = values
    result = leakage(corners.tensor("z"), corners.tensor("digit"), split="validation")
    assert result.figures["mlp_means"] > 0.97
    assert "200 validation images" in result.tables[0].caption


def test_logits_of_other_classes_are_refused(world: Any) -> None:
    with pytest.raises(ValueError, match=r"'z' must be logits \(batch, 5 classes\); found \(60, 2\)"):
        leakage(world.tensor("z"), world.tensor("digit"), world.tensor("z"))
