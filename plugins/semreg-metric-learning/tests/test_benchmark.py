"""The benchmark beside semreg's own losses works; what it measures is not judged here, but that values are equal."""

from __future__ import annotations

import pytest

from benchmarks.measure import QUICK
from benchmarks.metric_learning import BATCHES, measure

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")


def test_losses_that_both_have_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.metric_learning.BATCHES", BATCHES[:1])
    findings = measure(QUICK)
    assert [row[0] for row in findings.tables[0].rows] == ["triplet", "atnl", "contrastive, adapted"]
    assert all(goal.met for goal in findings.goals)
