"""Entropies of classifiers whose posteriors are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
from semreg_uniform.evaluations.posteriors import posterior_entropy
from torch import nn

from semreg.data.specification import ClassField


def evaluated(world: Any, *classifiers: nn.Module, codes: tuple[str, ...] = ("z_0", "z_shape", "z_tone")) -> Any:
    handles = map(world.tensor, codes)
    return posterior_entropy(*handles, *classifiers, *map(world.tensor, ("shape", "tone")))


def test_uniform_posteriors_have_the_entropy_log_classes(world: Any, reader: Any) -> None:
    result = evaluated(world, reader(3, 0.0), reader(2, 0.0))
    for code in ("z_0", "z_shape", "z_tone"):
        assert result.figures[f"entropy_shape_of_{code}"] == pytest.approx(math.log(3))
        assert result.figures[f"entropy_tone_of_{code}"] == pytest.approx(math.log(2))
    assert result.figures["least_of_others"] == pytest.approx(1)
    assert result.figures["greatest_of_own"] == pytest.approx(math.log(3))
    assert len(result.pictures) == 1 + 6


def test_sure_posteriors_have_none_and_are_compared_with_the_labels(world: Any, reader: Any) -> None:
    result = evaluated(world, reader(3, 1000.0), reader(2, 1000.0))
    assert result.figures["greatest_of_own"] == pytest.approx(0, abs=1e-6)
    assert result.figures["least_of_others"] < 0.1
    recognised = {(row[0], row[1]): row[5] for row in result.tables[0].rows}
    assert recognised["z_shape", "shape"] == recognised["z_tone", "tone"] == 1
    assert recognised["z_tone", "shape"] < 0.6


def test_without_a_rest_there_are_as_many_codes_as_classifiers(world: Any, reader: Any) -> None:
    result = evaluated(world, reader(3, 0.0), reader(2, 0.0), codes=("z_shape", "z_tone"))
    assert len(result.tables[0].rows) == 4


def test_many_classes_have_no_picture_of_their_mean_posterior(world: Any, reader: Any) -> None:
    world.fields["shape"] = ClassField(tuple(f"shape {index}" for index in range(13)))
    assert len(evaluated(world, reader(13, 1.0), reader(2, 1.0)).pictures) == 1 + 3


def test_what_does_not_fit_is_told(world: Any, reader: Any) -> None:
    with pytest.raises(ValueError, match="takes a classifier for each label, found 1 of 2"):
        evaluated(world, reader(3, 1.0))
    with pytest.raises(ValueError, match="the classifier of tone has 3 classes, 2 fit"):
        evaluated(world, reader(3, 1.0), reader(3, 1.0))
    with pytest.raises(ValueError, match="needs a classifier that reads codes"):
        evaluated(world, nn.Linear(1, 3), reader(2, 1.0))
