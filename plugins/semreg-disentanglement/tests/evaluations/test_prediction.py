"""Metrics by predictors, of a run; the mathematics is tested with the functions."""

from __future__ import annotations

import pytest
import torch
from semreg_disentanglement import sap as sap_of
from semreg_disentanglement.evaluations.prediction import dci, dci_es, sap
from semreg_disentanglement.functional import dci as functional

from semreg.testing import FakeRun


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "TREES", 5)


LEVELS = ("", "_low", "_high", "_chance")


def test_figures_of_dci_name_their_regressor(run: FakeRun) -> None:
    result = dci(run.tensor("z"), draws=2, count=120)
    names = [f"{name}_extra_trees" for name in ("disentanglement", "completeness", "informativeness")]
    assert set(result.figures) == {name + level for name in names for level in LEVELS}
    assert result.figures[names[0]] > 0.9
    assert "disentanglement extra trees" in result.summary
    assert {*names, "disentanglement_gradient_boosting"} <= set(dci.better)  # type: ignore[attr-defined]


def test_of_one_factor_there_is_no_disentanglement(run: FakeRun) -> None:
    result = dci(run.tensor("z"), run.tensor("shape"), draws=2, count=90)
    assert "disentanglement_extra_trees" not in result.figures
    assert "no disentanglement_extra_trees of one factor or dimension" in result.tables[0].caption


def test_a_size_has_no_interval(run: FakeRun) -> None:
    figures = dci_es(run.tensor("z"), draws=2, count=180).figures
    assert figures["size"] == pytest.approx(2 / 3)  # shape and size of three numbers that vary
    assert "size_low" not in figures
    assert {"explicitness", "explicitness_low", "disentanglement_extra_trees_chance"} <= set(figures)


def test_sap_is_the_function(run: FakeRun) -> None:
    factors = torch.stack([run.tensors[name]["test"] for name in ("shape", "size")], 1)
    found = sap(run.tensor("z"), draws=2).figures
    assert found["sap"] == pytest.approx(sap_of(run.tensors["z"]["test"], factors).sap)
