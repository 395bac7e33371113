"""Metrics by mutual information, of a run; the mathematics is tested with the functions."""

from __future__ import annotations

import pytest
import torch
from semreg_disentanglement import infomec as infomec_of
from semreg_disentanglement import modularity_explicitness as modularity_explicitness_of
from semreg_disentanglement.evaluations.information import infomec, mig, modularity_explicitness

from semreg.testing import FakeRun


def test_bins_are_those_that_are_asked_for(run: FakeRun) -> None:
    code, size = run.tensor("z"), run.tensor("size")
    fine, coarse = (mig(code, size, draws=2, bins=bins) for bins in (20, 2))
    assert fine.figures["mig"] > coarse.figures["mig"]
    assert coarse.tables[0].caption.startswith("Codes in 2 bins of equal width. ")


def test_modularity_and_explicitness_are_the_functions(run: FakeRun) -> None:
    found = modularity_explicitness(run.tensor("z"), run.tensor("shape"), run.tensor("size"), draws=2).figures
    factors = torch.stack([run.tensors[name]["test"] for name in ("shape", "size")], 1)
    expected = modularity_explicitness_of(run.tensors["z"]["test"], factors)
    assert found["modularity"] == pytest.approx(expected.modularity)
    assert found["explicitness"] == pytest.approx(expected.explicitness)


def test_infomec_is_the_function_and_one_factor_has_no_modularity(run: FakeRun) -> None:
    code, shape, size = (run.tensor(name) for name in ("z", "shape", "size"))
    found = infomec(code, shape, size, neighbors=3, draws=2).figures
    factors = torch.stack([run.tensors[name]["test"] for name in ("shape", "size")], 1)
    expected = infomec_of(run.tensors["z"]["test"], factors, neighbors=3)
    for name in ("infom", "infoc", "infoe"):
        assert found[name] == pytest.approx(getattr(expected, name))
    alone = infomec(code, shape, draws=2)
    assert "infom" not in alone.figures
    assert "no infom of one factor" in alone.tables[0].caption
