"""The plugin's evaluations pass the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest
from semreg_disentanglement.functional import dci, dci_es

from semreg.testing import FakeRun
from tests.conforming import conform, evaluation, names

LABELS = "z shape size"
EXAMPLES: dict[str, dict[str, Any]] = {
    "beta_vae_score": {"names": LABELS, "points": 60, "test_points": 60, "batch": 4},
    "dci": {"names": LABELS},
    "dci_es": {"names": LABELS},
    "factor_vae_score": {"names": LABELS, "votes": 60, "test_votes": 60, "batch": 4},
    "infomec": {"names": LABELS},
    "irs": {"names": LABELS},
    "mig": {"names": "maps attributes"},
    "modularity_explicitness": {"names": LABELS},
    "sap": {"names": "rows shape place"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str, run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dci, "TREES", 2)
    monkeypatch.setattr(dci_es, "CAPACITIES", (0, 4))
    conform(name, "semreg-disentanglement", evaluation(run, **EXAMPLES[name], draws=2, count=120))


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-disentanglement", kinds=("evaluation",))
