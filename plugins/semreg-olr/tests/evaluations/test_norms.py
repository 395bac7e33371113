"""Norms and their correlations on rows of known length."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_olr.evaluations.norms import norm_correlations, row_norms

from semreg.core import AttributesField


def set_norms(world: Any, norms: dict[str, torch.Tensor]) -> None:
    """Embeddings whose rows have these lengths, `(rows, labels)`, in directions of no meaning."""
    for split, lengths in norms.items():
        directions = torch.nn.functional.one_hot(torch.randint(4, lengths.shape), 4)
        world.tensors["embedding"][split] = directions * lengths[..., None]


def test_norms_where_the_label_is_present_and_absent(world: Any) -> None:
    labels = world.tensors["attributes"]
    set_norms(world, {split: 0.9 * rows + 0.02 for split, rows in labels.items()})
    result = row_norms(world.tensor("embedding"), world.tensor("attributes"), near_zero=0.1)
    count = float(labels["test"].sum(1).mean())
    assert result.figures == pytest.approx(
        {"present": 0.92, "absent": 0.02, "near_zero_present": 0, "near_zero_absent": 1}
        | {"rows_in_use": count, "labels_present": count}
    )
    assert [row[0] for row in result.tables[0].rows] == ["Bald", "Smiling", "Wearing Hat", "Mouth Slightly Open"]


def test_norms_of_a_label_that_no_test_image_has_are_left_out_of_the_mean(world: Any) -> None:
    world.tensors["attributes"]["test"][:, 0] = 0
    set_norms(world, {"test": torch.tensor([9.0, 1, 1, 1]).expand(80, 4)})
    assert row_norms(world.tensor("embedding"), world.tensor("attributes")).figures["present"] == pytest.approx(1)


def test_norms_that_are_the_labels_correlate_as_they_do(world: Any) -> None:
    labels = world.tensors["attributes"]
    set_norms(world, {split: rows * 2 + 1 for split, rows in labels.items()})
    result = norm_correlations(world.tensor("embedding"), world.tensor("attributes"))
    assert result.figures["agreement"] == pytest.approx(1)
    pair, norms, of_labels = result.tables[-1].rows[0]
    assert pair == "Bald – Wearing Hat"  # they exclude each other
    assert norms == pytest.approx(of_labels)
    expected = torch.corrcoef(torch.cat(list(labels.values())).T)[0, 2]
    assert norms == pytest.approx(float(expected), abs=1e-5)


def test_pairs_that_the_paper_names_and_the_data_have_are_figures(world: Any) -> None:
    world.fields["attributes"] = AttributesField(("Wearing_Lipstick", "Attractive", "Smiling", "Bald"))
    lengths = torch.rand(80, 4, generator=torch.Generator().manual_seed(0))
    lengths[:, 1] = 2 - lengths[:, 0]  # the opposite of lipstick
    set_norms(world, dict.fromkeys(("train", "validation", "test"), lengths))
    result = norm_correlations(world.tensor("embedding"), world.tensor("attributes"))
    assert result.figures["wearing_lipstick_attractive"] == pytest.approx(-1)
    assert result.tables[0].rows[0][:2] == ("Wearing Lipstick – Attractive", pytest.approx(-1))
    assert result.figures.keys() == {
        "agreement", "wearing_lipstick_attractive", "bald_attractive", "smiling_attractive",
    }  # fmt: skip


def test_norms_of_labels_that_are_not_known_count_nowhere(world: Any) -> None:
    labels = world.tensors["attributes"]
    set_norms(world, {split: 0.9 * rows + 0.02 for split, rows in labels.items()})
    plain = row_norms(world.tensor("embedding"), world.tensor("attributes"))
    world.fields["attributes_known"] = world.fields["attributes"]
    known = {split: (torch.arange(rows.numel()).view_as(rows) % 3 > 0).float() for split, rows in labels.items()}
    world.tensors |= {"attributes_known": known}
    world.tensors["attributes"] = {split: rows * known[split] for split, rows in labels.items()}
    result = row_norms(world.tensor("embedding"), world.tensor("attributes"))
    for figure in ("present", "absent", "near_zero_absent"):
        assert result.figures[figure] == pytest.approx(plain.figures[figure]), figure
    assert "not known; these count nowhere" in result.tables[0].caption
    assert "not known" not in plain.tables[0].caption
    correlated = norm_correlations(world.tensor("embedding"), world.tensor("attributes"))
    assert "not known; here these count as absent" in correlated.pictures[1].caption
