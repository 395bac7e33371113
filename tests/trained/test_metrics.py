"""Metrics as arrays are what metrics.jsonl holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import semreg
from semreg.core import UserError
from semreg.trained.metrics import Curve, metrics_of
from semreg.trained.run import Run

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def run(toy: Callable[..., Path], tmp_path: Path) -> Run:
    path = toy(
        '[phases.main.validate]\nloss = "rec"\n[phases.more]\nepochs = 1\n[phases.more.train]\ndecoder = { rec = 1 }'
    )
    return semreg.run(path, out=tmp_path / "runs", device="cpu")


def test_arrays_hold_what_the_log_holds(run: Run) -> None:
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert list(run.metrics) == ["main", "more"]
    for phase, losses in run.metrics.items():
        own = [line for line in lines if line["phase"] == phase]
        for kind, curves in (("losses", losses), ("validation", losses.validation)):
            records = [line for line in own if kind in line]
            assert set(curves) == {name for line in records for name in line[kind]}
            for name, curve in curves.items():
                assert curve.tolist() == [line[kind][name] for line in records]
                assert curve.iterations.tolist() == [line["iteration"] for line in records]
    assert run.metrics["main"].validation["rec"].size
    assert not run.metrics["more"].validation


def test_a_curve_is_cut_with_its_iterations() -> None:
    curve = Curve([(10, 3.0), (20, np.nan), (30, 1.0)])
    assert curve.dtype == np.float64
    assert curve[np.isfinite(curve)].iterations.tolist() == [10, 30]
    assert curve[1:].iterations.tolist() == [20, 30]
    assert (2 * curve).iterations.tolist() == [10, 20, 30]
    assert curve[0] == 3.0
    assert np.nanmean(curve) == 2.0
    assert Curve([]).iterations.shape == (0,)


def test_what_is_not_there_is_told_with_what_is(run: Run) -> None:
    with pytest.raises(KeyError, match="there is no phase 'mian'; did you mean 'main'"):
        _ = run.metrics["mian"]
    with pytest.raises(KeyError, match="there is no loss 'recc'; did you mean 'rec'"):
        _ = run.metrics["main"]["recc"]


def test_metrics_say_what_they_hold(run: Run, tmp_path: Path) -> None:
    lines = repr(run.metrics).splitlines()
    assert lines[0] == "main"
    assert lines[1].startswith("  rec: ")
    assert " at iteration " in lines[1]
    assert repr(metrics_of(tmp_path / "nothing")) == "no phases"


def test_without_pandas_it_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="to_pandas needs pandas, which isn't installed; `pip install pandas`"):
        run.metrics.to_pandas()


def test_a_data_frame_has_a_row_for_each_value(run: Run) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = run.metrics.to_pandas()
    assert list(frame.columns) == ["phase", "split", "loss", "iteration", "value"]
    chosen = frame[(frame.phase == "main") & (frame.split == "validation") & (frame.loss == "rec")]
    assert chosen.value.tolist() == run.metrics["main"].validation["rec"].tolist()
