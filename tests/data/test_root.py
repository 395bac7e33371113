"""Where data sets are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.data.root import data_root_of


def test_what_is_named_goes_before_the_environment_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMREG_DATA", raising=False)
    assert data_root_of(None) == Path("data")
    monkeypatch.setenv("SEMREG_DATA", "/there")
    assert data_root_of(None) == Path("/there")
    assert data_root_of("data") == Path("data")
    monkeypatch.setenv("SEMREG_DATA", "")
    assert data_root_of(None) == Path("data")
