"""Whose class images of two codes show."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_gmprior.evaluations.exchange import exchange
from torch import Tensor

from semreg.core import Result


def exchanged(world: Any, *, judged: bool = True, **options: Any) -> Result:
    inputs = [world.tensor(name) for name in ("image", "z_s", "z_u", "x_f", "digit")]
    options = {"judge": world if judged else None, "generator": torch.Generator().manual_seed(0)} | options
    return exchange(*inputs, **options)


def test_the_class_follows_the_relevant_code(world: Any) -> None:
    result = exchanged(world)
    assert result.figures == {"follows_relevant": 1, "follows_irrelevant": 0, "judge_on_reconstructions": 1}
    assert "of z_u in 0.0%" in result.summary


def test_a_class_in_the_other_code_is_found_there(world: Any) -> None:
    for split, rows in world.tensors["z_u"].items():
        rows[:, 0] = world.tensors["digit"][split]
    decode = world.decode
    world.functions["x_f"] = lambda z_s, z_u: decode(z_u[:, :2], torch.cat([z_s, z_u], 1)[:, :3])
    assert exchanged(world).figures == {
        "follows_relevant": 0,
        "follows_irrelevant": 1,
        "judge_on_reconstructions": 1,
    }


def test_every_row_has_one_relevant_code_and_every_column_one_irrelevant(world: Any) -> None:
    assert exchanged(world, judged=False, rows=2, columns=4).figures == {}
    relevant, irrelevant = (torch.stack(codes) for codes in zip(*world.given, strict=True))
    assert relevant.shape == (2, 4, 2)
    assert (relevant == relevant[:, :1]).all()
    assert (irrelevant == irrelevant[:1]).all()
    everything: list[Tensor] = [*relevant[:, 0], *irrelevant[0]]
    assert len({tuple(code.tolist()) for code in everything}) == 6  # of six images


def test_no_more_pairs_than_asked_for_and_of_different_classes(world: Any) -> None:
    assert "10 images with z_s of one" in exchanged(world, count=10).summary
    (first, second), _ = world.given[-2:]
    sources = [world.tensors[name]["test"] for name in ("z_s", "z_u")]
    rows = [
        [(source == code).all(1).nonzero().item() for code in codes]
        for source, codes in zip(sources, (first, second), strict=True)
    ]
    labels = world.tensors["digit"]["test"]
    assert (labels[rows[0]] != labels[rows[1]]).all()
    assert len(first) == 10


def test_a_judge_needs_the_label(world: Any) -> None:
    inputs = [world.tensor(name) for name in ("image", "z_s", "z_u", "x_f")]
    with pytest.raises(ValueError, match="with a judge the label is needed"):
        exchange(*inputs, judge=world)


def test_one_class_is_refused(world: Any) -> None:
    world.tensors["digit"]["test"].fill_(1)
    with pytest.raises(ValueError, match="no two test images of different classes"):
        exchanged(world)


def test_more_pictures_than_images_are_refused(world: Any) -> None:
    with pytest.raises(ValueError, match="40 rows and 30 columns need as many test images, of 60"):
        exchanged(world, rows=40, columns=30)
    inputs = [world.tensor(name) for name in ("image", "z_s", "z_u", "x_f")]
    with pytest.raises(ValueError, match="40 rows and 30 columns need as many test images, of 60"):
        exchange.before_training(*inputs, rows=40, columns=30, split="test")  # type: ignore[attr-defined]
    exchange.before_training(*inputs, rows=6, columns=8, split="test")  # type: ignore[attr-defined]
