"""One of several processes speaks for all."""

from __future__ import annotations

import pytest

from semreg.core.rank import in_first_process


@pytest.mark.parametrize(("rank", "first"), [(None, True), ("0", True), ("1", False), ("10", False)])
def test_the_only_process_or_the_first_speaks(rank: str | None, first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert in_first_process() is first
