"""Entropies of classifiers whose posteriors are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from semreg_uniform.evaluations import posteriors
from semreg_uniform.evaluations.posteriors import posterior_entropy
from torch import nn

from semreg.core import ClassField


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


def test_the_least_of_others_is_of_others_and_the_least(world: Any, reader: Any) -> None:
    for code in ("z_0", "z_tone"):
        world.tensors[code]["validation"].fill_(0.5)  # between the first two shapes
    result = evaluated(world, reader(3, 1000.0), reader(2, 0.0))
    assert result.figures["entropy_shape_of_z_shape"] == pytest.approx(0, abs=1e-6)
    assert result.figures["least_of_others"] == pytest.approx(math.log(2) / math.log(3))
    assert "at least 0.631 of log(classes)" in result.summary
    assert "30 validation images" in result.tables[0].caption


def test_a_mean_posterior_has_a_row_for_each_true_class(
    world: Any, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(posteriors, "heat_map", lambda title, matrix, *_, **__: shown.setdefault(title, matrix))
    evaluated(world, reader(3, 1000.0), reader(2, 1000.0))
    assert len(shown) == 6
    own, other = (shown[f"Mean posterior of shape given z_{name}"] for name in ("shape", "tone"))
    assert own.round(decimals=6).equal(torch.eye(3, dtype=own.dtype))
    shape, tone = (world.tensors[name]["validation"] for name in ("shape", "tone"))
    dark = [float((tone[shape == value] == 0).float().mean()) for value in range(3)]
    assert other[:, 0].tolist() == pytest.approx(dark)  # the number of a dark one is that of round


def test_without_a_rest_there_are_as_many_codes_as_classifiers(world: Any, reader: Any) -> None:
    result = evaluated(world, reader(3, 0.0), reader(2, 0.0), codes=("z_shape", "z_tone"))
    assert len(result.tables[0].rows) == 4


def test_many_classes_have_no_picture_of_their_mean_posterior(world: Any, reader: Any) -> None:
    world.fields["shape"] = ClassField(tuple(f"shape {index}" for index in range(13)))
    assert len(evaluated(world, reader(13, 1.0), reader(2, 1.0)).pictures) == 1 + 3


def test_what_does_not_fit_is_told(world: Any, reader: Any) -> None:
    with pytest.raises(ValueError, match="takes a classifier for each label, found 1 of 2"):
        evaluated(world, reader(3, 1.0))
    with pytest.raises(ValueError, match="the classifier of tone has 3 classes; expected 2"):
        evaluated(world, reader(3, 1.0), reader(3, 1.0))
    with pytest.raises(ValueError, match="needs a classifier that reads codes"):
        evaluated(world, nn.Linear(1, 3), reader(2, 1.0))
