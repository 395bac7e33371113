"""Criteria: their values are the library's, and what they keep is part of their state."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semreg.core import as_module
from tests.conforming import normal

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
from pytorch_metric_learning import losses
from semreg_metric_learning.names import ENTRIES
from semreg_metric_learning.parts import REFUSED

CODES = normal(8, 4)
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
OF_PAIRS = [
    name for name, one in ENTRIES.items()
    if one.takes == "codes, labels" and not one.owns and one.library not in REFUSED
]  # fmt: skip


def test_a_criterion_gives_what_the_librarys_gives_from_one_seed() -> None:
    torch.manual_seed(0)
    ours = as_module("arcface", num_classes=3, embedding_size=4)
    torch.manual_seed(0)
    theirs = losses.ArcFaceLoss(num_classes=3, embedding_size=4)
    assert torch.equal(ours(CODES, LABELS), theirs(CODES, LABELS))
    assert [name for name, _ in ours.named_parameters()] == ["loss.W"]


def test_a_memory_holds_earlier_batches_and_is_part_of_the_state() -> None:
    def fresh() -> Any:
        return as_module("cross_batch_memory", embedding_size=4, memory_size=20, loss="contrastive")

    first, again = fresh(), fresh()
    values = [float(first(CODES + k, LABELS)) for k in range(4)]
    for k in range(2):
        again(CODES + k, LABELS)
    resumed = fresh()
    resumed.load_state_dict(again.state_dict())
    assert [float(resumed(CODES + k, LABELS)) for k in (2, 3)] == values[2:]
    assert values[1] != float(fresh()(CODES + 1, LABELS))
    with pytest.raises(ValueError, match="memory_size is 20, less than the 24 codes of a batch"):
        first(CODES.repeat(3, 1), LABELS.repeat(3))


def test_a_histogram_goes_on_over_steps() -> None:
    criterion: Any = as_module("dynamic_soft_margin")
    before = criterion.loss.hist_.clone()
    for k in range(2):
        codes = (CODES + k).requires_grad_()
        criterion(codes, LABELS).backward()
        assert codes.grad is not None
    assert not torch.equal(criterion.loss.hist_, before)
    assert not criterion.loss.hist_.requires_grad


def test_classes_beyond_the_last_are_refused() -> None:
    criterion = as_module("proxy_nca", num_classes=2, embedding_size=4)
    with pytest.raises(ValueError, match="there are 2 classes, 0 to 1; found labels from 0 to 2"):
        criterion(CODES, LABELS)


@pytest.mark.parametrize("name", OF_PAIRS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 7), classes=st.integers(1, 4))
def test_a_loss_is_finite_whatever_the_batch(name: str, seed: int, rows: int, classes: int) -> None:
    options = {"margin": 0.4, "Tn": 1.0} if name == "ranked_list" else {}
    codes = normal(rows, 3, seed=seed).requires_grad_()
    labels = torch.randint(classes, (rows,), generator=torch.Generator().manual_seed(seed))
    value = as_module(name, **options)(codes, labels)
    (slope,) = torch.autograd.grad(value, codes)
    assert value.isfinite()
    assert slope.isfinite().all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 8))
def test_supervised_contrastive_is_what_loops_give(seed: int, rows: int) -> None:
    codes = normal(rows, 4, seed=seed).double()
    labels = torch.randint(3, (rows,), generator=torch.Generator().manual_seed(seed))
    likeness = (torch.cosine_similarity(codes[:, None], codes, dim=2) / 0.5).exp()
    found = []
    for i in range(rows):
        others = [j for j in range(rows) if j != i]
        same = [j for j in others if labels[j] == labels[i]]
        if same and len(labels.unique()) > 1:
            whole = sum(likeness[i, j] for j in others)
            found.append(-sum(float(torch.log(likeness[i, j] / whole)) for j in same) / len(same))
    value = as_module("supervised_contrastive", temperature=0.5)(codes, labels)
    assert float(value) == pytest.approx(sum(found) / max(len(found), 1), abs=1e-9)
