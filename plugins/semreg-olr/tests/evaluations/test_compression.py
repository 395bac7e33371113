"""Reconstructions with and without the rows of absent labels, on a decoder that is exact."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_olr.evaluations.compression import compression

from semreg.trained import rows


def evaluated(world: Any, **options: Any) -> Any:
    return compression(*map(world.tensor, ("image", "embedding", "reconstruction", "attributes")), **options)


def test_an_exact_decoder_reconstructs_from_present_rows_alone(world: Any) -> None:
    labels = world.tensors["attributes"]["test"]
    world.tensors["embedding"]["test"] = torch.nn.functional.pad(labels[..., None], (0, 3))
    figures = evaluated(world).figures
    used = float(labels.sum(1).mean()) * 4
    for suffix, factor in (("", 768 / 16), ("_labels", 768 / used), ("_norms", 768 / used)):
        assert figures["compression" + suffix] == pytest.approx(factor)
        assert figures["similarity" + suffix] == pytest.approx(1)
        assert figures["squared_error" + suffix] == pytest.approx(0)


def test_what_the_rows_of_absent_labels_held_is_missed(world: Any) -> None:
    """The label Bald is absent by the data, yet its row, and the image, show it."""
    world.tensors["embedding"]["test"][:, 0] = torch.tensor([1.0, 0, 0, 0])
    world.tensors["image"]["test"] = world.functions["reconstruction"](embedding=world.tensors["embedding"]["test"])
    world.tensors["attributes"]["test"][:, 0] = 0
    figures = evaluated(world, near_zero=0.5, count=50).figures
    assert figures["squared_error"] == pytest.approx(0, abs=1e-3)  # rows a little longer than 1
    assert figures["squared_error_norms"] == pytest.approx(0, abs=1e-3)
    assert figures["squared_error_labels"] == pytest.approx(1 / 4, abs=0.01)  # one band of four
    assert figures["similarity_labels"] < figures["similarity"]


def test_reconstructions_are_clamped_to_the_range(world: Any) -> None:
    world.functions["reconstruction"] = lambda embedding: torch.full((len(embedding), 3, 16, 16), 3.0)
    world.tensors["image"]["test"] = torch.ones(80, 3, 16, 16)
    assert evaluated(world).figures["squared_error"] == 0


def test_in_parts_it_is_as_all_at_once(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluated(world, pictures=9)
    monkeypatch.setattr(rows, "BATCH", 7)
    monkeypatch.setattr(rows, "NUMBERS_AT_ONCE", 1)
    parts = evaluated(world, pictures=9)
    assert parts.figures == pytest.approx(whole.figures, rel=1e-6)
    assert parts.pictures == whole.pictures
