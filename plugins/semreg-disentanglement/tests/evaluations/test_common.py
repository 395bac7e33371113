"""Factors and codes of a run, of every kind; a metric's figures, tables and picture."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from semreg_disentanglement.evaluations import common
from semreg_disentanglement.evaluations.common import codes_of, evaluated, factor_columns, require_factors
from semreg_disentanglement.functional.mig import MIG, mig

from semreg.testing import FakeRun

OPTIONS: dict[str, Any] = {
    "figures": {"mig": "mig"},
    "entries": "what is told",
    "how": "Somehow.",
    "split": "test",
    "count": 1000,
    "draws": 3,
    "generator": None,
}


def test_a_column_stands_for_each_field_of_classes_attribute_and_number(run: FakeRun) -> None:
    names, values = factor_columns(run, [run.tensor(name) for name in ("shape", "attributes", "place")], "test")
    assert names == ["shape", "square", "not_small", "place 0", "place 1"]
    assert torch.equal(values[:, 0], run.tensors["shape"]["test"].double())
    assert values[:15, 2].isnan().all()  # of which nobody knows
    assert int(values.isnan().sum()) == 15


def test_without_factors_all_fields_of_classes_are_meant_or_else_the_attributes(run: FakeRun) -> None:
    assert factor_columns(run, [], "test").names == ["shape", "size", "one"]
    for name in ("shape", "size", "one"):
        del run.fields[name]
    assert factor_columns(run, [], "train").names == ["square", "not_small"]
    del run.fields["attributes"]
    with pytest.raises(ValueError, match="the data have no field of labels"):
        factor_columns(run, [], "test")


def test_what_is_no_label_is_no_factor(run: FakeRun) -> None:
    for name in ("image", "z"):
        with pytest.raises(ValueError, match=f"'{name}' is not a field of labels in the data, so it is not a factor"):
            factor_columns(run, [run.tensor("shape"), run.tensor(name)], "test")


def test_spatial_codes_are_averaged_over_places_and_others_flattened(run: FakeRun) -> None:
    z = run.tensors["z"]["test"]
    assert torch.equal(codes_of(run.tensor("z"), "test"), z)
    assert torch.allclose(codes_of(run.tensor("maps"), "test"), z, atol=1e-6)
    assert torch.equal(codes_of(run.tensor("rows"), "test"), z)


def test_a_result_names_what_was_left_out_and_counts_dimensions_as_the_code_does(run: FakeRun) -> None:
    result = evaluated(mig, run.tensor("z"), [run.tensor(name) for name in ("shape", "one", "size")], **OPTIONS)
    assert result.figures["mig"] > 0.9
    assert set(result.figures) == {"mig", "mig_low", "mig_high", "mig_chance"}
    assert result.figures["mig_chance"] < 0.1
    levels, coded = result.tables
    assert levels.caption.startswith(
        "Somehow. 240 test images; one is constant, and is left out; of 4 dimensions those that vary are read, 3. "
    )
    assert [row[:2] for row in coded.rows] == [("shape", 3), ("size", 2)]
    assert result.summary.startswith("mig 0.9")
    assert "chance 0.0" in result.summary


def test_images_of_which_nobody_knows_a_factor_are_left_out(run: FakeRun) -> None:
    result = evaluated(mig, run.tensor("z"), [run.tensor("attributes")], **OPTIONS)
    assert "225 test images; " in result.tables[0].caption
    assert "15 images that lack some factor are left out" in result.tables[0].caption


def test_so_many_images_are_drawn_at_random(run: FakeRun) -> None:
    options = OPTIONS | {"count": 90}
    found = [
        evaluated(mig, run.tensor("z"), [], **options | {"generator": torch.Generator().manual_seed(seed)}).figures
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
    assert "90 test images" in evaluated(mig, run.tensor("z"), [], **options).tables[0].caption


def test_a_figure_that_is_not_defined_is_said_and_one_that_is_exact_has_no_interval(run: FakeRun) -> None:
    def undefined(codes: torch.Tensor, factors: torch.Tensor) -> Any:
        return mig(codes, factors)._replace(mig=math.nan)

    def half(codes: torch.Tensor, factors: torch.Tensor) -> Any:
        return mig(codes, factors)._replace(mig=0.5)

    result = evaluated(undefined, run.tensor("z"), [run.tensor("shape")], **OPTIONS)
    assert result.figures == {}
    assert "no mig of one factor or dimension" in result.tables[0].caption
    result = evaluated(half, run.tensor("z"), [run.tensor("shape")], **OPTIONS, exact=["mig"])
    assert result.figures == {"mig": 0.5}
    assert (result.summary, result.tables[0].rows) == ("mig 0.500", [("mig", 0.5, None, None, None)])


def test_half_samples_that_are_too_small_leave_no_interval(run: FakeRun) -> None:
    def few(codes: torch.Tensor, factors: torch.Tensor) -> MIG:
        if len(codes) < 240:
            raise ValueError("too few")
        return mig(codes, factors)

    result = evaluated(few, run.tensor("z"), [], **OPTIONS)
    assert set(result.figures) == {"mig", "mig_chance"}
    assert "(chance 0.0" in result.summary


def test_the_matrix_is_drawn(run: FakeRun, undrawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "heat_map", undrawn)
    [picture] = evaluated(mig, run.tensor("z"), [run.tensor("shape"), run.tensor("size")], **OPTIONS).pictures
    assert int.from_bytes(picture.png[16:20]) > 200  # pixels wide
    assert picture.title == "Factors in each dimension of z"
    assert picture.caption == "What is told, by factor and dimension."


def test_the_dimensions_with_the_largest_entries_are_shown_of_many(run: FakeRun) -> None:
    wide = torch.cat([torch.randn(240, 60, generator=torch.Generator().manual_seed(0)), run.tensors["z"]["test"]], 1)
    run.tensors["z"]["test"] = wide
    [picture] = evaluated(mig, run.tensor("z"), [], **OPTIONS).pictures
    assert "The 40 of 63 dimensions with the largest." in picture.caption


def test_labels_that_do_not_vary_are_told_before_training(run: FakeRun) -> None:
    with pytest.raises(ValueError, match="no factor varies enough; one is constant"):
        require_factors(run.tensor("z"), run.tensor("one"), split="test")
    require_factors(run.tensor("z"), split="test", count=10, bins=20)


def test_attributes_that_nobody_knows_are_told_as_such(run: FakeRun) -> None:
    run.tensors["attributes_known"]["test"][:, 1] = 0
    code, attributes = run.tensor("z"), run.tensor("attributes")
    message = "all of square, not_small are known for 0 of 240 test images"
    with pytest.raises(ValueError, match=message):
        evaluated(mig, code, [attributes], **OPTIONS)
    with pytest.raises(ValueError, match=message):
        require_factors(code, attributes, split="test")
