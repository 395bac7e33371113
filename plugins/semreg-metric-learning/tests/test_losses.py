"""The library's losses by the names of its classes."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
from semreg_metric_learning import losses


def test_a_class_is_made_once() -> None:
    assert losses.ArcFaceLoss is losses.ArcFaceLoss
    assert {"ArcFaceLoss", "SupConLoss"} <= set(dir(losses))


def test_another_name_is_none() -> None:
    with pytest.raises(AttributeError, match="has no 'ArcLoss'"):
        _ = losses.ArcLoss


def test_the_library_is_imported_when_a_loss_is_asked_for() -> None:
    code = "import sys, semreg_metric_learning.losses; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "pytorch_metric_learning", "scipy"} & set(told.stdout.split())
